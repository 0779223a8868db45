/**
 * Runs in the page: WCAG's contrast of each piece of text with what is behind it. Behind a text in a drawing is the last
 * plain shape before it that covers it; hatched ones count as the card, whose colour their texts have around them.
 */
export const contrasts = `(() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [high, low] = [light(rgb(a)), light(rgb(b))].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const solid = (colour) => colour !== "none" && !colour.startsWith("url") && (rgb(colour)[3] ?? 1) > 0;
  const card = (svg) => getComputedStyle(svg.querySelector(".card") ?? svg).fill;
  const found = new Map();
  const note = (text, ink, ground) => {
    const key = ink + ground;
    if (!found.has(key)) found.set(key, { text, ink, ground, ratio: Math.round(ratio(ink, ground) * 100) / 100 });
  };
  for (const text of document.querySelectorAll("svg.cell text")) {
    const place = text.getBoundingClientRect();
    if (place.width === 0) continue;
    const svg = text.closest("svg");
    const middle = [place.left + place.width / 2, place.top + place.height / 2];
    const behind = [...svg.querySelectorAll("rect")].filter((rect) => {
      const it = rect.getBoundingClientRect();
      const before = rect.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
      return before && it.left <= middle[0] && it.right >= middle[0] && it.top <= middle[1] && it.bottom >= middle[1];
    }).map((rect) => getComputedStyle(rect).fill);
    const last = behind.at(-1) ?? "none";
    note(text.textContent, getComputedStyle(text).fill, last.startsWith("url") ? card(svg) : behind.filter(solid).at(-1) ?? card(svg));
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (node.textContent.trim() === "" || parent.closest("svg, script, style") || !parent.checkVisibility()) continue;
    let ground = parent;
    while (ground !== document.documentElement && !solid(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
    note(node.textContent.trim(), getComputedStyle(parent).color, getComputedStyle(ground).backgroundColor);
    seen.push(node);
  }
  return [...found.values()];
})()`;

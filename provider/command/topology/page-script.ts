/**
 * Runs in the page. Without it every core is a stop of the tab key; with it each cell is one, arrow keys go from core
 * to core, and what a core holds is also told below the cells.
 */
export const script = `
const detail = document.getElementById("detail");
const hint = detail.textContent;
for (const cell of document.querySelectorAll("svg.cell")) {
  const cores = [...cell.querySelectorAll(".core")];
  const tell = (core) => { detail.textContent = core ? core.getAttribute("aria-label") : hint; };
  cores.forEach((core, index) => {
    core.setAttribute("tabindex", index === 0 ? "0" : "-1");
    core.addEventListener("focus", () => tell(core));
    core.addEventListener("blur", () => tell());
    core.addEventListener("mouseenter", () => tell(core));
    core.addEventListener("mouseleave", () => tell());
  });
  cell.addEventListener("keydown", (event) => {
    const at = cores.indexOf(document.activeElement);
    if (at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    const place = cores.map((core) => core.getBoundingClientRect());
    const line = (sign) => {
      const here = place[at];
      const beyond = place
        .map((rect, index) => ({ index, down: sign * (rect.top - here.top), aside: Math.abs(rect.left - here.left) }))
        .filter(({ down }) => down > here.height / 2)
        .sort((a, b) => a.down - b.down || a.aside - b.aside);
      const near = beyond.filter(({ down }) => down < beyond[0].down + here.height / 2);
      return near.sort((a, b) => a.aside - b.aside)[0]?.index ?? at;
    };
    const steps = { ArrowRight: () => at + 1, ArrowLeft: () => at - 1, ArrowDown: () => line(1), ArrowUp: () => line(-1),
      Home: () => 0, End: () => cores.length - 1 };
    const next = cores[steps[event.key]?.()];
    if (!(event.key in steps)) return;
    event.preventDefault();
    if (!next) return;
    cores[at].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}
`;

"use strict";
(() => {
  const tip = document.getElementById("tip");
  let held = null;

  const show = (target, x, y) => {
    tip.replaceChildren();
    const line = document.createElement("p");
    line.textContent = target.dataset.tip;
    tip.append(line);
    const more = target.dataset.recipe && document.getElementById(target.dataset.recipe);
    if (more) {
      const copy = more.cloneNode(true);
      copy.removeAttribute("id");
      tip.append(copy);
    }
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, x + 14), innerWidth - box.width - 8);
    const below = y + 16 + box.height < innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${below ? y + 16 : Math.max(8, y - box.height - 12)}px`;
  };
  const beside = (target) => {
    const box = target.getBoundingClientRect();
    show(target, box.right, box.top + box.height / 2);
  };
  const hide = () => { tip.hidden = true; held = null; };
  const told = (event) => event.target.closest && event.target.closest("[data-tip]");

  document.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    const target = told(event);
    if (target) { held = target; show(target, event.clientX, event.clientY); }
    else if (held && held !== document.activeElement) hide();
  });
  document.addEventListener("focusin", (event) => { const target = told(event); if (target) { held = target; beside(target); } });
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  // What the pointer or the focus is on may just have been scrolled into view: the tip goes along.
  document.addEventListener("scroll", () => {
    if (held && (held === document.activeElement || held.matches(":hover"))) beside(held);
    else hide();
  }, { passive: true, capture: true });
  document.addEventListener("click", (event) => {
    const target = told(event);
    if (target && event.pointerType === "touch") { event.preventDefault(); held = target; beside(target); }
    else if (!target) hide();
  });

  const said = document.getElementById("said");
  for (const button of document.querySelectorAll("th button")) {
    button.addEventListener("click", () => {
      const heading = button.closest("th");
      const table = heading.closest("table");
      const column = [...heading.parentNode.children].indexOf(heading);
      const first = heading.dataset.first || "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = heading.getAttribute("aria-sort") === first ? other : first;
      for (const one of heading.parentNode.children) if (one.hasAttribute("aria-sort")) one.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", order);
      const value = (row) => row.children[column].dataset.value;
      const body = table.tBodies[0];
      const compare = (a, b) => {
        const [one, two] = [value(a), value(b)];
        if (one === "" || two === "") return (one === "") - (two === "");
        const difference = heading.dataset.text ? one.localeCompare(two, "en") : one - two;
        return order === "ascending" ? difference : -difference;
      };
      body.append(...[...body.rows].sort(compare));
      said.textContent = `sorted by ${button.textContent}, ${order}`;
    });
  }
})();

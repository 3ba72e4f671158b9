"use strict";

for (const box of document.querySelectorAll(".toggles input")) {
  const apply = () => {
    for (const curve of document.querySelectorAll(`.curve[data-slot="${box.dataset.slot}"]`)) {
      curve.toggleAttribute("hidden", !box.checked);
    }
  };
  box.addEventListener("change", apply);
  apply(); // browsers keep what was ticked when a page is loaded again
}

for (const article of document.querySelectorAll(".comparison")) {
  const stage = article.querySelector(".stage");
  const range = stage.querySelector("input");
  const decoded = [...stage.querySelectorAll(".decoded")];
  const picks = [...article.querySelectorAll(".picks input[type=radio]")];
  const zoom = article.querySelector(".zoom input");
  const rows = [...article.querySelectorAll(".shown-row")];
  const [below, above] = article.querySelectorAll(".difference img");

  const wipe = () => stage.style.setProperty("--split", `${range.value}%`);
  const show = () => {
    const chosen = picks.findIndex((pick) => pick.checked);
    decoded.forEach((image, index) => { image.hidden = index !== chosen; });
    rows.forEach((row, index) => row.classList.toggle("picked", index === chosen));
    above.src = decoded[chosen].src;
  };
  below.src = stage.querySelector(".original").src;
  range.addEventListener("input", wipe);
  for (const pick of picks) pick.addEventListener("change", show);
  const enlarge = () => article.classList.toggle("every-pixel", zoom.checked);
  zoom.addEventListener("change", enlarge);
  wipe();
  show();
  enlarge();
}

// Before the page is drawn, so that it does not flash in the other colours.
const kept = localStorage.getItem("reconloss colours");
if (kept === "dark" || kept === "light") document.documentElement.dataset.colours = kept;

// Sets the formulas of a page once it is read; pages without formulas do not load KaTeX.
document.addEventListener("DOMContentLoaded", () => {
  if (!window.katex) return;
  for (const element of document.querySelectorAll(".math")) renderMathInElement(element);
});

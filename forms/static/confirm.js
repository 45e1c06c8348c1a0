/* The button that does what is for good is pressed for itself: a double click, or a key still held,
   that began on the page before does not press it. Without this file the server still does each
   order once. */
(() => {
  "use strict";
  const button = document.querySelector("[data-once]");
  if (!button) return;
  button.addEventListener("keydown", (event) => {
    if (event.repeat) event.preventDefault();
  });
  button.addEventListener("click", (event) => {
    if (event.detail > 1) event.preventDefault();
  });
})();

// The terminal of the page takes keys without a click first.
function focusTerminal() {
  const field = document.querySelector("#terminal textarea");
  if (field) field.focus();
  return Boolean(field);
}
window.addEventListener("focus", focusTerminal);
window.addEventListener("load", () => {
  const waiting = setInterval(() => focusTerminal() && clearInterval(waiting), 50);
});

/* Marks the message that the address names. */
const code = location.pathname.split("/")[2];
const item = code && document.getElementById(code);
if (item) {
  item.className = "current";
  item.scrollIntoView({ block: "center" });
}

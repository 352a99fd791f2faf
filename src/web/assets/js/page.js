/* For every page: times that the server wrote become the reader's own, and the address that is ours stands where it helps. */
for (const e of document.querySelectorAll("time[data-utc]")) {
  e.title = `${e.dateTime.slice(0, 19).replace("T", " ")} UTC`;
  e.textContent = new Date(e.dateTime).toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" });
}
for (const e of document.querySelectorAll("[data-origin]")) e.textContent = location.origin;

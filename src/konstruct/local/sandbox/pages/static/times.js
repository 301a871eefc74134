// Shows each <time> in the reader's own zone and words.
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

export function localTimes(root) {
  const today = new Date().toDateString();
  for (const element of root.querySelectorAll("time[datetime]")) {
    const then = new Date(element.dateTime);
    element.textContent = (then.toDateString() === today ? clock : day).format(then);
    element.title = full.format(then);
  }
}

localTimes(document);

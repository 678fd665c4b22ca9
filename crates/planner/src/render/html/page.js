"use strict";
// Makes the tables of the page searchable and sortable, and turns their pages. All text goes in as
// text, and only the rows that are seen are there.
(() => {
  const LISTED = 3, ACROSS = 10, PRINTED = 2000;
  const count = new Intl.NumberFormat("en");
  const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;
  const tables = new Map();

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const line = (text) => make("span", { class: "line" }, text);
  const step = (text) => make("span", { class: "line", "data-sign": text[0] }, text);
  const nothing = () => make("span", { class: "nothing" }, "–");

  const list = (items) => {
    const shown = items.slice(0, LISTED).map(line);
    if (items.length <= LISTED) return shown;
    const more = make("details", {}, make("summary", {}, `${count.format(items.length - LISTED)} more`));
    more.addEventListener("toggle", () => more.append(...items.slice(LISTED).map(line)), { once: true });
    return [...shown, more];
  };

  const mark = (text) => {
    if (text === "") return [];
    const [sign, meaning, day] = text.split("|");
    return [make("span", { class: "sign", "data-sign": sign }, make("span", { class: "unseen" }, meaning), " " + day)];
  };

  const inside = (kind, value) => {
    if (kind === "mark") return mark(value);
    if (value === "" || value.length === 0) return [nothing()];
    if (typeof value === "number") return [count.format(value)];
    if (kind === "state") return [make("span", { class: "badge", "data-state": value }, value)];
    if (kind === "list") return list(value);
    if (kind === "steps") return value.map(step);
    return Array.isArray(value) ? value.map(line) : [value];
  };

  class Table {
    constructor(root) {
      this.root = root;
      this.data = JSON.parse(root.querySelector("script").textContent);
      this.fixed = this.data.columns.filter((column) => column.kind !== "mark").length;
      this.caption = this.data.caption;
      Object.assign(this, { found: this.data.rows, page: 0, words: "", filter: "", sorted: null, down: false });
      this.across = this.data.columns.slice(this.fixed);
      this.first = 0;
      this.tools();
      this.head();
      this.fill();
    }

    value(row, column) {
      const place = this.data.columns.indexOf(column);
      return place < this.fixed ? row[0][place] : row[1][place - this.fixed] ?? "";
    }

    // What is searched: all cells of a row, put together when first asked for.
    text(row) {
      row.text ??= [row[0].flat(), Object.values(row[1])].flat().join("\n").toLowerCase();
      return row.text;
    }

    tools() {
      const { rows, columns, filters, size } = this.data;
      const tools = make("div", { class: "tools" });
      this.status = make("p", { class: "status", role: "status" });
      if (rows.length > 5) tools.append(this.field("Search " + this.caption.toLowerCase(), (text) => this.search(text)));
      if (filters.length > 0) tools.append(this.choice(filters));
      if (columns.length - this.fixed > ACROSS) {
        tools.append(this.field("Find a group", (text) => this.narrow(text)));
        tools.append(this.turns("groups", (by) => this.side(by)));
      }
      tools.append(this.status);
      this.paper = make("p", { class: "paper" });
      this.root.prepend(tools, this.paper);
      if (rows.length > size) this.root.append(this.turns("pages", (by) => this.turn(by)));
    }

    field(label, then) {
      const input = make("input", { type: "search", autocomplete: "off", spellcheck: "false" });
      let waiting;
      input.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => then(input.value.trim().toLowerCase()), 80);
      });
      return make("label", {}, make("span", {}, label), input);
    }

    choice(filters) {
      const all = make("option", { value: "" }, "all");
      this.select = make("select", {}, all, ...filters.map((name) => make("option", { value: name }, name)));
      this.select.addEventListener("change", () => this.restrict(this.select.value));
      return make("label", {}, make("span", {}, "Show"), this.select);
    }

    turns(what, then) {
      const button = (text, label, by) => {
        const made = make("button", { type: "button", "aria-label": `${label} ${what}, ${this.caption}` }, text);
        made.addEventListener("click", () => made.getAttribute("aria-disabled") !== "true" && then(by));
        return made;
      };
      const [back, on] = [button("Back", "previous", -1), button("Next", "next", 1)];
      const where = make("span", { role: "status" });
      const nav = make("div", { class: "turns", role: "group", "aria-label": `${this.caption}: ${what}` }, back, where, on);
      this[what] = { nav, back, on, where };
      return nav;
    }

    // The columns that are seen: the fixed ones, and a few of the others.
    shown() {
      return [...this.data.columns.slice(0, this.fixed), ...this.across.slice(this.first, this.first + ACROSS)];
    }

    head() {
      const heads = this.shown().map((column) => {
        const button = make("button", { type: "button" }, column.name);
        const head = make("th", { scope: "col", class: column.kind }, button);
        if (column.note) head.append(make("small", {}, column.note));
        if (column === this.sorted) head.setAttribute("aria-sort", this.down ? "descending" : "ascending");
        button.addEventListener("click", () => this.sort(column));
        return head;
      });
      this.root.querySelector("thead tr").replaceChildren(...heads);
    }

    row(row) {
      const cells = this.shown().map((column, place) => {
        const style = column.kind === "steps" ? "lines" : column.kind;
        const attributes = place === 0 ? { scope: "row", class: style } : { class: style };
        return make(place === 0 ? "th" : "td", attributes, ...inside(column.kind, this.value(row, column)));
      });
      return make("tr", {}, ...cells);
    }

    fill(all = false) {
      const { rows, size } = this.data;
      const from = all ? 0 : this.page * size;
      const seen = this.found.slice(from, all ? PRINTED : from + size);
      const body = seen.map((row) => this.row(row));
      if (body.length === 0) body.push(make("tr", {}, make("td", { colspan: this.shown().length, class: "empty" }, "Nothing is like that.")));
      this.root.querySelector("tbody").replaceChildren(...body);
      const of = this.found.length === rows.length ? "" : ` of ${count.format(rows.length)}`;
      const text = `${count.format(this.found.length)}${of} ${rows.length === 1 ? "row" : "rows"}`;
      if (this.status.textContent !== text) this.status.textContent = text;
      this.paper.textContent = all ? this.missing(seen.length) : "";
      this.say("pages", from, seen.length, this.found.length);
      this.say("groups", this.first, this.shown().length - this.fixed, this.across.length);
    }

    // What is left out on paper must not look as if it were not there.
    missing(printed) {
      const groups = this.shown().length - this.fixed;
      const parts = [[printed, this.found.length, "rows"], [groups, this.across.length, "groups"]]
        .filter(([some, all]) => some < all)
        .map(([some, all, what]) => `${count.format(some)} of ${count.format(all)} ${what}`);
      return parts.length === 0 ? "" : `Not all is printed: ${parts.join(", ")}. Restrict the table on the screen first.`;
    }

    say(what, from, shown, all) {
      const turns = this[what];
      if (!turns) return;
      const name = what === "groups" ? "groups " : "";
      turns.where.textContent = `${name}${count.format(Math.min(from + 1, all))}–${count.format(from + shown)} of ${count.format(all)}`;
      // A button that is disabled loses the focus.
      turns.back.setAttribute("aria-disabled", from === 0);
      turns.on.setAttribute("aria-disabled", from + shown >= all);
    }

    find() {
      const words = this.words.split(/\s+/).filter(Boolean);
      const tag = this.data.filters.indexOf(this.filter);
      const rows = this.data.rows.filter((row) =>
        (tag < 0 || row[2].includes(tag)) && words.every((word) => this.text(row).includes(word)));
      this.found = rows;
      if (this.sorted) this.arrange();
      this.page = 0;
      this.fill();
    }

    search(words) {
      this.words = words;
      this.find();
    }

    restrict(filter) {
      this.filter = this.data.filters.includes(filter) ? filter : "";
      if (this.select) this.select.value = this.filter;
      this.find();
    }

    sort(column) {
      this.down = this.sorted === column && !this.down;
      this.sorted = column;
      const place = this.shown().indexOf(column);
      this.arrange();
      this.page = 0;
      this.head();
      this.fill();
      this.root.querySelectorAll("thead button")[place]?.focus();
    }

    // Nothing comes last, whichever way.
    arrange() {
      const keyed = this.found.map((row) => [String(this.value(row, this.sorted)), row]);
      const turn = this.down ? -1 : 1;
      keyed.sort(([a], [b]) => (a === "") - (b === "") || turn * order(a, b));
      this.found = keyed.map(([, row]) => row);
    }

    turn(by) {
      this.page += by;
      this.fill();
      this.root.querySelector(".scroll").scrollTop = 0;
    }

    side(by) {
      this.first += by * ACROSS;
      this.head();
      this.fill();
    }

    narrow(text) {
      this.across = this.data.columns.slice(this.fixed).filter((column) => column.name.toLowerCase().includes(text));
      this.first = 0;
      this.head();
      this.fill();
    }
  }

  for (const root of document.querySelectorAll("[data-table]")) tables.set(root.closest("section").id, new Table(root));
  for (const link of document.querySelectorAll("[data-filter]")) {
    const table = tables.get(link.getAttribute("href").slice(1));
    link.addEventListener("click", () => table?.restrict(link.dataset.filter));
  }
  // On paper there are no pages to turn.
  addEventListener("beforeprint", () => tables.forEach((table) => table.fill(true)));
  addEventListener("afterprint", () => tables.forEach((table) => table.fill()));
})();

// Runs the script of a page in as much of a browser as it needs. Reads {script, search, values,
// answers} from standard input, writes {asked, elements} to standard output.
"use strict";

const vm = require("node:vm");
const {script, search, values, answers} = JSON.parse(require("node:fs").readFileSync(0, "utf8"));

class Element {
  constructor(tag) {
    Object.assign(this, {tag, attributes: {}, children: [], textContent: "", value: ""});
  }
  setAttribute(name, value) { this.attributes[name] = String(value); }
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  addEventListener(name, handler) { this[`on${name}`] = handler; }
}

const elements = {};
const byId = id => elements[id] ||= new Element(id);
for (const [id, value] of Object.entries(values)) byId(id).value = value;
const asked = [];
const document = {
  getElementById: byId,
  createElement: tag => new Element(tag),
  createElementNS: (_, tag) => new Element(tag),
};

async function fetch(url, {headers}) {
  asked.push({url, headers});
  const found = answers[url.split("?")[0]];
  const refused = {detail: "no such path", remedy: "try another"};
  return {ok: found !== undefined, json: async () => found ?? refused};
}

const context = {document, fetch, URLSearchParams, location: {search}, console};
vm.runInNewContext(script, context);
const settled = new Promise(resolve => setTimeout(resolve, 0));
settled
  .then(() => elements.form.onsubmit({preventDefault() {}}))
  .then(() => new Promise(resolve => setTimeout(resolve, 0)))
  .then(() => process.stdout.write(JSON.stringify({asked, elements})));

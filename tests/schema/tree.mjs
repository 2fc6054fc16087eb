// JSON as a tree that can hold what JSON.parse cannot keep: repeated members, the text of numbers,
// and how strings are escaped.
//   {object: [[name, tree], ...]}   {array: [tree, ...]}   {text: '...'} is any token as written

export function fromValue(value) {
  if (Array.isArray(value)) return {array: value.map(fromValue)};
  if (value !== null && typeof value === 'object') {
    return {object: Object.entries(value).map(([name, member]) => [name, fromValue(member)])};
  }
  return {text: JSON.stringify(value)};
}

export function toText(tree) {
  if (tree.array) return `[${tree.array.map(toText).join(',')}]`;
  if (tree.object) {
    return `{${tree.object.map(([name, member]) => `${nameToText(name)}:${toText(member)}`).join(',')}}`;
  }
  return tree.text;
}

// A name may be {text: '"\\u0049d"'}, already escaped.
const nameToText = (name) => (typeof name === 'object' ? name.text : JSON.stringify(name));

export const copy = (tree) => structuredClone(tree);

// Every node with the way to replace it.
export function* nodes(tree, replace = () => {}) {
  yield {tree, replace};
  for (const [list, set] of [
    [tree.array, (i) => (node) => void (tree.array[i] = node)],
    [tree.object?.map(([, member]) => member), (i) => (node) => void (tree.object[i][1] = node)],
  ]) {
    if (!list) continue;
    for (let i = 0; i < list.length; ++i) yield* nodes(list[i], set(i));
  }
}

// Ways to damage a message, or to write the same message otherwise. All chance comes from a seed.
import {copy, fromValue, nodes, toText} from './tree.mjs';

// mulberry32
export function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (count) => Math.floor(next() * count);
  return {below, pick: (list) => list[below(list.length)], chance: (p) => next() < p};
}

const strings = [
  '', ' ', '*', '0', '1.0', '1.1', '1', 'x'.repeat(35), 'x'.repeat(36), 'x'.repeat(37), 'ä'.repeat(36), '😀'.repeat(36),
  '😀'.repeat(18), '9f0c3b1e-6f0f-4c52-9d6c-2b8f1f2f7f10', '9F0C3B1E-6F0F-4C52-9D6C-2B8F1F2F7F10',
  'In', 'Out', 'in', 'OUT', 'Fail', 'Success', 'Pass', 'Err', 'PASS', 'Allow', 'Deny', 'Other', 'High', 'Low', 'Fatal', 'Error',
  'Warning', 'Information', 'Informational', 'Debug', 'Critical', 'Important', 'TypeMismatch', 'NotOptimal', 'Conflict',
  'Ebpf', 'Connector', 'Proc', 'Periodic', 'Triggered', 'Aggregated', 'Security', 'Operational', 'Diagnostic', 'true', 'null',
  'ProcessCreate', 'ProcessTerminate', 'ConnectionCreate', 'Login', 'ListeningPorts', 'FirewallConfiguration', 'LocalUsers',
  'ConnectedHardware', 'OSBaseline', 'SystemInformation', 'ConfigurationError', 'DroppedEventsStatistics',
  'MessageStatistics', 'Heartbeat', 'processcreate', 'ProcessCreate ', '__proto__', 'constructor',
];

const addresses = [
  '0.0.0.0', '255.255.255.255', '256.0.0.1', '1.2.3', '1.2.3.4.5', '01.2.3.4', '1.2.3.4 ', ' 1.2.3.4', '1.2.3.4\n', '1..3.4', '1.2.3.04',
  '0x1.2.3.4', '1.2.3.-4', '192.0.2.0/24', '::', '::1', '1::', ':::', ':', ':1', '1:', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7', '1:2:3:4:5:6:7::', '::2:3:4:5:6:7:8', '1::3:4:5:6:7:8', '1:2:3:4::5:6:7:8', '1::2::3', '::ffff:192.0.2.1',
  '::192.0.2.1', '1:2:3:4:5:6:192.0.2.1', '1:2:3:4:5:6:7:192.0.2.1', '1:2:3:4:5::192.0.2.1', '1:2:3:4:5:6::192.0.2.1',
  '::ffff:192.0.2.256', '::ffff:192.0.2.01', '::192.0.2.1:1', '192.0.2.1::', 'fe80::1%eth0', 'FE80::ABCD', 'fe80::12345', 'fe80::g', '[::1]',
  '1:2:3:4:5:6:7:8 ', '::1\u00a0', '١.2.3.4', '2001:db8::ﬀ', '0000:0000:0000:0000:0000:ffff:255.255.255.255', '00000::', '1:::2',
];

const times = [
  '2026-03-01T08:30:00Z', '2026-03-01t08:30:00z', '2026-03-01 08:30:00Z', '2026-03-01\t08:30:00Z', '2026-03-01\u00a008:30:00Z',
  '2026-03-01\u202808:30:00Z', '2026-03-01\ufeff08:30:00Z', '2026-03-01\u200b08:30:00Z', '2026-03-01\u200a08:30:00Z', '2026-03-01\u300008:30:00Z',
  '2026-03-01\u008508:30:00Z', '2026-03-01\u180e08:30:00Z', '2026-03-01\u168008:30:00Z', '2026-03-01\u205f08:30:00Z', '2026-03-01\u202f08:30:00Z',
  '2026-03-01\n08:30:00Z', '2026-03-01\u000b08:30:00Z', '2026-03-01_08:30:00Z', '2026-03-0108:30:00Z', '2026-03-01  08:30:00Z', '2026-03-01T 08:30:00Z',
  '2026-03-01T08:30:00', '2026-03-01T08:30Z', '2026-03-01T08:30:0Z', '2026-03-01', '08:30:00Z', '2026-3-1T08:30:00Z', '2026-03-01T8:30:00Z',
  '2026-02-28T08:30:00Z', '2026-02-29T08:30:00Z', '2024-02-29T08:30:00Z', '1900-02-29T08:30:00Z', '2000-02-29T08:30:00Z', '2026-04-31T08:30:00Z',
  '2026-00-10T08:30:00Z', '2026-13-10T08:30:00Z', '2026-01-00T08:30:00Z', '2026-01-32T08:30:00Z', '0000-01-01T00:00:00Z', '0001-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z', '10000-01-01T00:00:00Z', '+2026-01-01T00:00:00Z', '-2026-01-01T00:00:00Z',
  '2026-03-01T23:59:59Z', '2026-03-01T24:00:00Z', '2026-03-01T23:60:00Z', '2026-03-01T23:59:60Z', '2026-03-01T22:59:60Z', '2026-03-01T23:59:61Z',
  '2026-03-01T23:59:60.999Z', '2026-03-01T23:59:60.99999999999999999999Z', '2026-03-01T08:30:59.99999999999999999999Z', '2026-03-01T23:59:59.99999999999999999999Z',
  '2026-03-01T00:59:60+01:00', '2026-03-01T22:59:60-01:00', '2026-03-01T23:59:60+01:00', '2026-03-01T24:59:00+01:00', '2026-03-01T24:59:60+01:00',
  '2026-03-01T23:99:00+00:40', '2026-03-01T00:29:60+00:30', '2026-03-01T00:29:60+01:30', '2026-03-01T99:59:59-23:59', '2026-03-01T46:59:00+23:00',
  '2026-03-01T08:30:00+01:00', '2026-03-01T08:30:00+0100', '2026-03-01T08:30:00+01', '2026-03-01T08:30:00+1', '2026-03-01T08:30:00+01:', '2026-03-01T08:30:00+01:0',
  '2026-03-01T08:30:00+01:000', '2026-03-01T08:30:00+24:00', '2026-03-01T08:30:00+23:59', '2026-03-01T08:30:00+23:60', '2026-03-01T08:30:00-00:00',
  '2026-03-01T08:30:00−01:00', '2026-03-01T08:30:00 +01:00', '2026-03-01T08:30:00Z ', '2026-03-01T08:30:00Z\n', '2026-03-01T08:30:00ZZ', '2026-03-01T08:30:00.Z',
  '2026-03-01T08:30:00.1Z', '2026-03-01T08:30:00,1Z', '2026-03-01T08:30:00.1234567890123456789Z', '2026-03-01T08:30:00.1e1Z', '٢026-03-01T08:30:00Z', '2026-03-01T08:30:00.٢Z',
];

const numbers = [
  '0', '-0', '1', '-1', '1.0', '-1.0', '1.5', '0.1', '1e2', '1E+2', '15e-1', '10e-1', '1e400', '-1e400', '1e-400', '1e99999999999', '0e99999999999',
  '9007199254740993', '9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809', '18446744073709551615',
  '18446744073709551616', '100000000000000000000', '-100000000000000000000000000000', '1234567890123456789012345678901234567890.0', '4.9999999999999999999',
  '1.7976931348623157e308', '1.7976931348623159e308', '1' + '0'.repeat(308), '1' + '0'.repeat(309), '5e-324', '0.' + '0'.repeat(400) + '1', '2147483648',
];

const tokens = [
  ...['null', 'true', 'false', '[]', '{}', '[[]]', '[{}]', '{"a":"b"}', '{"a":1}', '{"HitCount":5}', '["1.0"]'],
  ...['"\\ud800"', '"\\udc00\\ud800"', `"${'\\ud800'.repeat(36)}"`, `"${'\\ud83d\\ude00'.repeat(36)}"`, '"\\u0000"', '"\\/"', `"${'\\u0078'.repeat(36)}"`, '"\\u0031.0"'],
  ...numbers,
];

// Every value that any field is tried with.
export const values = [...[...strings, ...addresses, ...times].map((text) => ({text: JSON.stringify(text)})), ...tokens.map((text) => ({text}))];

const pickNode = (rng, tree, wanted) => rng.pick([...nodes(tree)].filter(({tree: node}) => wanted(node)));

const anyObject = (rng, tree) => pickNode(rng, tree, (node) => node.object !== undefined)?.tree;
const someObject = (rng, tree) => pickNode(rng, tree, (node) => node.object?.length > 0)?.tree;
const someArray = (rng, tree) => pickNode(rng, tree, (node) => node.array?.length > 0)?.tree;

function shuffle(rng, list) {
  for (let i = list.length - 1; i > 0; --i) {
    const j = rng.below(i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
}

const escaped = (name) => ({text: `"${[...name].map((c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0')).join('')}"`});

function nearbyText(rng, token) {
  const inner = JSON.parse(token);
  const at = rng.below(inner.length + 1);
  const extra = rng.pick(['0', '1', '9', ':', '.', '-', 'T', 'Z', ' ', 'a', 'F', '+', '']);
  return JSON.stringify(inner.slice(0, at) + extra + inner.slice(at + rng.below(2)));
}

// Each takes a generator and a tree and changes the tree in place.
export const treeMutations = {
  removeMember: (rng, tree) => {
    const object = someObject(rng, tree);
    object?.object.splice(rng.below(object.object.length), 1);
  },
  renameMember: (rng, tree) => {
    const object = someObject(rng, tree);
    if (!object) return;
    const member = rng.pick(object.object);
    if (typeof member[0] !== 'string') return;
    member[0] = rng.pick([member[0].toLowerCase(), member[0] + ' ', member[0].slice(1), '__proto__', 'Id', 'ExtraDetails']);
  },
  addMember: (rng, tree) => {
    const object = anyObject(rng, tree);
    const name = rng.pick(['', 'x', 'HitCount', '__proto__', 'constructor', 'toString', 'ExtraDetails', '$ref', 'a/b~c', '😀']);
    object?.object.splice(rng.below(object.object.length + 1), 0, [name, copy(rng.pick([...values, fromValue('text'), fromValue('text')]))]);
  },
  repeatMember: (rng, tree) => {
    const object = someObject(rng, tree);
    if (!object) return;
    const [name, value] = rng.pick(object.object);
    // Before the original it changes nothing, after it, everything.
    object.object.splice(rng.below(object.object.length + 1), 0, [name, rng.chance(0.3) ? copy(value) : copy(rng.pick(values))]);
  },
  escapeName: (rng, tree) => {
    const object = someObject(rng, tree);
    if (!object) return;
    const member = rng.pick(object.object);
    if (typeof member[0] === 'string' && !/[^\x00-\uffff]/u.test(member[0])) member[0] = escaped(member[0]);
  },
  reorder: (rng, tree) => {
    for (const {tree: node} of nodes(tree)) if (node.object) shuffle(rng, node.object);
  },
  replaceValue: (rng, tree) => {
    pickNode(rng, tree, () => true).replace(copy(rng.pick(values)));
  },
  nearbyValue: (rng, tree) => {
    const node = pickNode(rng, tree, (leaf) => leaf.text?.startsWith('"') && !leaf.text.includes('\\ud'));
    node?.replace({text: nearbyText(rng, node.tree.text)});
  },
  integerOtherwise: (rng, tree) => {
    pickNode(rng, tree, (leaf) => /^-?\d+$/.test(leaf.text ?? ''))?.replace({text: rng.pick(numbers)});
  },
  moveSubtree: (rng, tree) => {
    const from = pickNode(rng, tree, () => true).tree;
    pickNode(rng, tree, () => true).replace(copy(from));
  },
  repeatElement: (rng, tree) => {
    const array = someArray(rng, tree);
    array?.array.push(copy(rng.pick(array.array)));
  },
  removeElement: (rng, tree) => {
    const array = someArray(rng, tree);
    array?.array.splice(rng.below(array.array.length), 1);
  },
  emptyPayload: (rng, tree) => {
    for (const {tree: node} of nodes(tree)) {
      if (!node.object?.some(([name]) => name === 'Payload')) continue;
      const set = (name, text) => {
        const member = node.object.find(([found]) => found === name);
        if (member) member[1] = text;
      };
      if (rng.chance(0.7)) set('Payload', {array: []});
      if (rng.chance(0.7)) set('IsEmpty', {text: rng.pick(['true', 'false'])});
      if (rng.chance(0.3)) set('Category', fromValue(rng.pick(['Periodic', 'Triggered'])));
    }
  },
  nothing: () => {},
};

// Each takes a generator and a text and gives another text of one line.
export const textMutations = {
  truncate: (rng, text) => text.slice(0, rng.below(text.length)),
  dropCharacter: (rng, text) => {
    const at = rng.below(text.length);
    return text.slice(0, at) + text.slice(at + 1);
  },
  insertCharacter: (rng, text) => {
    const at = rng.below(text.length + 1);
    return text.slice(0, at) + rng.pick(['"', '\\', ',', ':', '{', '}', '[', ']', '0', '-', '.', 'e', ' ', '\t', '\u0001', '\ufeff', 'null']) + text.slice(at);
  },
  addSpace: (rng, text) => text.replaceAll(rng.pick(['{', '}', ':', ',']), (c) => ` ${c}\t `),
  append: (rng, text) => text + rng.pick([' ', '\t', ',', '{}', 'x', '\u0000']),
  prepend: (rng, text) => rng.pick([' ', '\t', '\ufeff', ',', '[']) + text,
};

// `count` texts made from the samples by one to three mutations each.
export function* mutants(samples, seed, count) {
  const rng = random(seed);
  const names = Object.keys(treeMutations);
  for (let i = 0; i < count; ++i) {
    const tree = copy(rng.pick(samples));
    for (let left = 1 + rng.below(3); left > 0; --left) treeMutations[rng.pick(names)](rng, tree);
    let text = toText(tree);
    if (rng.chance(0.1) && text.length > 0) text = rng.pick(Object.values(textMutations))(rng, text);
    yield text.replaceAll('\n', ' ').replaceAll('\r', ' ');
  }
}

// Every kind of node of the samples with every value, one at a time. Nodes are of one kind when they
// stand in events of the same name under the same member.
export function* replacements(samples) {
  const seen = new Set();
  for (const sample of samples) {
    const kinds = [...kindsOf(sample)];
    for (let at = 0; at < kinds.length; ++at) {
      if (seen.has(kinds[at])) continue;
      seen.add(kinds[at]);
      for (const value of values) {
        const tree = copy(sample);
        [...nodes(tree)][at].replace(value);
        yield toText(at === 0 ? value : tree);
      }
    }
  }
}

// The kind of each node, in the order of nodes().
function* kindsOf(tree, kind = '') {
  const name = tree.object?.find(([member]) => member === 'Name')?.[1].text;
  if (name) kind = name;
  yield kind;
  for (const element of tree.array ?? []) yield* kindsOf(element, `${kind}[]`);
  for (const [member, value] of tree.object ?? []) yield* kindsOf(value, `${kind}.${member}`);
}

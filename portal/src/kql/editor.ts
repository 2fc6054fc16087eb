// The KQL editor: CodeMirror inside a shadow root, where it may add style sheets that the page's
// content security policy would refuse as inline styles.
import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  type CompletionContext,
  type CompletionResult,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { HighlightStyle, StreamLanguage, bracketMatching, syntaxHighlighting } from '@codemirror/language';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import { EditorView, drawSelection, highlightSpecialChars, keymap, lineNumbers, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import type { Diagnostic, Table } from '../api/types';
import { complete } from './complete';
import { diagnosticMarks, showDiagnostics } from './marks';
import { spanOf } from './positions';
import { defaultTables, nextToken, type LineState, type TokenKind } from './tokens';

const tokenTags = {
  keyword: tags.keyword,
  function: tags.function(tags.variableName),
  table: tags.typeName,
  string: tags.string,
  number: tags.number,
  comment: tags.comment,
  operator: tags.operator,
  name: tags.variableName,
} satisfies Record<Exclude<TokenKind, 'space'>, unknown>;

function language(tables: ReadonlySet<string>) {
  return StreamLanguage.define<{ line: LineState }>({
    name: 'kql',
    startState: () => ({ line: 'plain' }),
    token(stream, state) {
      const step = nextToken(stream.string, stream.pos, state.line, tables);
      state.line = step.state;
      stream.pos += step.token.text.length;
      return step.token.kind === 'space' ? null : step.token.kind;
    },
    tokenTable: tokenTags,
    languageData: { commentTokens: { line: '//' }, closeBrackets: { brackets: ['(', '[', '{', '"', "'"] } },
  });
}

const highlight = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--kql-keyword)', fontWeight: '600' },
  { tag: tags.function(tags.variableName), color: 'var(--kql-function)' },
  { tag: tags.typeName, color: 'var(--kql-table)', fontWeight: '600' },
  { tag: tags.string, color: 'var(--kql-string)' },
  { tag: tags.number, color: 'var(--kql-number)' },
  { tag: [tags.comment, tags.operator], color: 'var(--muted)' },
]);

const theme = EditorView.theme({
  '&': { color: 'var(--text)', backgroundColor: 'transparent', fontSize: '13.5px' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '21px', minHeight: '126px', maxHeight: '38vh' },
  '.cm-content': { padding: '10px 0', caretColor: 'var(--text)' },
  '.cm-line': { padding: '0 12px 0 8px' },
  '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--muted)', border: 'none', paddingLeft: '6px' },
  '.cm-cursor': { borderLeftColor: 'var(--text)', borderLeftWidth: '2px' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'light-dark(#bcd9f5, #2c5580)',
  },
  '.cm-placeholder': { color: 'var(--muted)' },
  '.cm-tooltip': {
    backgroundColor: 'var(--surface)',
    color: 'var(--text)',
    border: '1px solid var(--line)',
    borderRadius: '6px',
    boxShadow: 'var(--shadow-over)',
    overflow: 'hidden',
  },
  '.cm-tooltip-autocomplete ul li': { padding: '3px 8px !important' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-completionDetail': { color: 'inherit', opacity: '0.85', fontStyle: 'normal', marginLeft: '12px' },
  '.cm-completionIcon': { display: 'none' },
  '.kql-error': { textDecoration: 'underline wavy var(--critical) 1.5px', textUnderlineOffset: '4px' },
  '.kql-warning': { textDecoration: 'underline wavy var(--medium) 1.5px', textUnderlineOffset: '4px' },
  '.kql-reason': { maxWidth: '60ch', padding: '6px 10px', fontFamily: 'var(--sans)', fontSize: '13px' },
  '.kql-reason-error': { borderLeft: '4px solid var(--critical)' },
  '.kql-reason-warning': { borderLeft: '4px solid var(--medium)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--mark)', outline: 'none' },
});

// Chromium joins the lines around replaced text with inline styles, which the policy refuses and which
// nobody wants in a query: what is typed over several lines never reaches its own editing.
const replaceLines = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { from, to } = view.state.selection.main;
    if (event.inputType !== 'insertText' || event.data === null || event.isComposing) return false;
    if (view.state.doc.lineAt(from).number === view.state.doc.lineAt(to).number) return false;
    view.dispatch(view.state.update(view.state.replaceSelection(event.data), { userEvent: 'input.type', scrollIntoView: true }));
    return true;
  },
});

export interface EditorOptions {
  text: string;
  label: string;
  placeholder: string;
  onchange: (text: string) => void;
  onrun: () => void;
}

export interface KqlEditor {
  text(): string;
  setText(text: string): void;
  insert(text: string): void;
  setTables(tables: Table[]): void;
  show(diagnostics: Diagnostic[]): void;
  goTo(diagnostic: Diagnostic): void;
  focus(): void;
  destroy(): void;
}

export function createEditor(host: HTMLElement, options: EditorOptions): KqlEditor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const parent = document.createElement('div');
  root.append(parent);
  const grammar = new Compartment();
  let tables: Table[] = [];

  const source = (context: CompletionContext): CompletionResult | null => {
    const before = context.state.sliceDoc(0, context.pos);
    const answer = complete(before, tables, context.explicit);
    return answer === undefined ? null : { from: answer.from, options: answer.options, validFor: /^[\w-]*$/ };
  };

  const run = () => {
    options.onrun();
    return true;
  };

  const view = new EditorView({
    root,
    parent,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        Prec.highest(keymap.of([{ key: 'Mod-Enter', run }, { key: 'Shift-Enter', run }])),
        lineNumbers(),
        highlightSpecialChars(),
        history(),
        drawSelection(),
        bracketMatching(),
        closeBrackets(),
        autocompletion({ override: [source], icons: false }),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({
          'aria-label': options.label,
          spellcheck: 'false',
          autocapitalize: 'off',
        }),
        placeholder(options.placeholder),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap]),
        grammar.of(language(defaultTables)),
        syntaxHighlighting(highlight),
        diagnosticMarks,
        replaceLines,
        theme,
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onchange(update.state.doc.toString());
        }),
      ],
    }),
  });

  return {
    text: () => view.state.doc.toString(),
    setText(text) {
      if (text !== view.state.doc.toString()) {
        view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
      }
    },
    insert(text) {
      view.dispatch(view.state.replaceSelection(text));
      view.focus();
    },
    setTables(next) {
      tables = next;
      view.dispatch({ effects: grammar.reconfigure(language(new Set(next.map((table) => table.name)))) });
    },
    show: (diagnostics) => showDiagnostics(view, diagnostics),
    goTo(diagnostic) {
      const { from, to } = spanOf(view.state.doc.toString(), diagnostic);
      view.dispatch({ selection: { anchor: from, head: to }, scrollIntoView: true });
      view.focus();
    },
    focus: () => view.focus(),
    destroy: () => {
      view.destroy();
      parent.remove();
    },
  };
}

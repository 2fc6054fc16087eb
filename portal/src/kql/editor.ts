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
import type { Completion, Diagnostic, Suggestion, Table } from '../api/types';
import { diagnosticMarks, showDiagnostics } from './marks';
import { byteOfIndex, indexOfByte, spanOf } from './positions';
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
  '.cm-completionDetail, .cm-completionLabel': { overflow: 'hidden', textOverflow: 'ellipsis' },
  '.cm-tooltip.cm-completionInfo': { maxWidth: '44ch', padding: '6px 10px', fontFamily: 'var(--sans)', fontSize: '13px' },
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
  // What may stand at a place, in bytes; undefined: nobody can tell now.
  oncomplete: (text: string, offset: number, signal: AbortSignal) => Promise<Completion | undefined>;
  // The cursor was moved, or the text around it changed.
  oncursor: (text: string, offset: number) => void;
}

// What people read first at a place, before names that only happen to be known there.
const icons: Record<Suggestion['kind'], string> = {
  table: 'class',
  column: 'property',
  variable: 'variable',
  function: 'function',
  aggregate: 'function',
  operator: 'keyword',
  keyword: 'keyword',
  type: 'type',
};

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

  const source = async (context: CompletionContext): Promise<CompletionResult | null> => {
    // Not at every space: only where a word was begun, or where somebody asks.
    if (!context.explicit && context.matchBefore(/[\w!]$/) === null) return null;
    const text = context.state.doc.toString();
    const abort = new AbortController();
    context.addEventListener('abort', () => abort.abort(), { onDocChange: true });
    const answer = await options.oncomplete(text, byteOfIndex(text, context.pos), abort.signal);
    if (answer === undefined || answer.items.length === 0) return null;
    return {
      from: indexOfByte(text, answer.offset),
      options: answer.items.map((item, index) => ({
        label: item.label,
        detail: item.detail,
        type: icons[item.kind],
        apply: item.insert,
        info: item.documentation || undefined,
        // The hub knows best what is meant; within what fits the word as well.
        boost: Math.max(-99, 50 - index),
      })),
      validFor: /^[\w-]*$/,
    };
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
          if (update.docChanged || update.selectionSet) {
            const text = update.state.doc.toString();
            options.oncursor(text, byteOfIndex(text, update.state.selection.main.head));
          }
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

// Underlines what the hub complains about, and says why under the pointer.
import { RangeSetBuilder, StateEffect, StateField } from '@codemirror/state';
import { Decoration, EditorView, hoverTooltip, type DecorationSet } from '@codemirror/view';
import type { Diagnostic } from '../api/types';
import { spanOf, type Span } from './positions';

export interface Mark extends Span {
  severity: Diagnostic['severity'];
  message: string;
}

interface Marks {
  all: readonly Mark[];
  decorations: DecorationSet;
}

const setMarks = StateEffect.define<readonly Mark[]>();

function decorate(marks: readonly Mark[]): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>();
  for (const mark of marks.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    // An empty query has no place to underline.
    if (mark.to > mark.from) builder.add(mark.from, mark.to, Decoration.mark({ class: `kql-${mark.severity}` }));
  }
  return builder.finish();
}

const field = StateField.define<Marks>({
  create: () => ({ all: [], decorations: Decoration.none }),
  update(marks, transaction) {
    let next = marks;
    if (transaction.docChanged) {
      const all = marks.all.map((mark) => ({
        ...mark,
        from: transaction.changes.mapPos(mark.from, 1),
        to: transaction.changes.mapPos(mark.to, -1),
      }));
      next = { all, decorations: marks.decorations.map(transaction.changes) };
    }
    for (const effect of transaction.effects) {
      if (effect.is(setMarks)) next = { all: effect.value, decorations: decorate(effect.value) };
    }
    return next;
  },
  provide: (self) => EditorView.decorations.from(self, (marks) => marks.decorations),
});

const explain = hoverTooltip((view, position) => {
  const found = view.state.field(field).all.filter((mark) => mark.from <= position && position <= mark.to);
  const [first] = found;
  if (first === undefined) return null;
  return {
    pos: first.from,
    end: first.to,
    create: () => {
      const dom = document.createElement('div');
      for (const mark of found) {
        const line = document.createElement('div');
        line.className = `kql-reason kql-reason-${mark.severity}`;
        line.textContent = mark.message;
        dom.append(line);
      }
      return { dom };
    },
  };
});

export const diagnosticMarks = [field, explain];

export function showDiagnostics(view: EditorView, diagnostics: readonly Diagnostic[]): void {
  const text = view.state.doc.toString();
  const marks = diagnostics.map(({ severity, message, offset, length }) => ({
    ...spanOf(text, { offset, length }),
    severity,
    message,
  }));
  view.dispatch({ effects: setMarks.of(marks) });
}

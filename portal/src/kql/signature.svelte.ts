// Completion and signature help while a query is written, both from the hub's own grammar.
import { hub } from '../api/hub';
import type { Completion, Signature } from '../api/types';

const kPauseMs = 250;

// A form of the call, cut around the argument that is being written.
export interface ShownSignature {
  before: string;
  current: string;
  after: string;
  more: number; // further forms of the same function
  documentation: string;
}

export function showSignature(signature: Signature): ShownSignature {
  const fits = (form: Signature['forms'][number]) => form.variadic || signature.argument < form.parameters.length;
  const form = signature.forms.find(fits) ?? signature.forms.at(-1);
  const more = Math.max(signature.forms.length - 1, 0);
  const whole = { before: form?.label ?? signature.name, current: '', after: '', more, documentation: signature.documentation };
  if (form === undefined || form.parameters.length === 0) return whole;
  const at = Math.min(signature.argument, form.parameters.length - 1);
  // Parameters may be equal: look for each behind the one before it.
  let from = signature.name.length;
  for (const parameter of form.parameters.slice(0, at)) from = form.label.indexOf(parameter, from) + parameter.length;
  const current = form.parameters[at] ?? '';
  const begin = form.label.indexOf(current, from);
  if (begin === -1) return whole;
  return { ...whole, before: form.label.slice(0, begin), current, after: form.label.slice(begin + current.length) };
}

export class SignatureHelp {
  shown = $state.raw<ShownSignature | undefined>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | undefined;

  async complete(query: string, offset: number, signal: AbortSignal): Promise<Completion | undefined> {
    try {
      const answer = await hub.complete(query, offset, signal);
      if (!signal.aborted) this.#show(answer);
      return answer;
    } catch {
      return undefined;
    }
  }

  // After a pause, for moving the cursor asks for nothing else.
  moved(query: string, offset: number): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const inCall = query.lastIndexOf('(', offset) !== -1;
    if (!inCall) {
      this.shown = undefined;
      return;
    }
    this.#timer = setTimeout(() => {
      this.#asking = new AbortController();
      void this.complete(query, offset, this.#asking.signal);
    }, kPauseMs);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  #show(answer: Completion): void {
    this.shown = answer.signature === null ? undefined : showSignature(answer.signature);
  }
}

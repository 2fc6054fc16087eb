// Short messages: read out politely, and shown for a while at the edge of the page.
export interface Notice {
  id: number;
  text: string;
  tone: 'info' | 'ok' | 'problem';
  link?: { href: string; text: string };
}

const kShownMs = 6_000;

class Announcer {
  // What the live region reads next.
  spoken = $state('');
  notices = $state.raw<Notice[]>([]);
  #next = 1;

  say(text: string): void {
    // The same text twice is a change only when something else was there in between.
    this.spoken = this.spoken === text ? `${text}\u00a0` : text;
  }

  show(text: string, tone: Notice['tone'] = 'info', link?: Notice['link']): void {
    const id = this.#next++;
    this.notices = [...this.notices.slice(-2), { id, text, tone, ...(link ? { link } : {}) }];
    this.say(text);
    setTimeout(() => this.dismiss(id), kShownMs);
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
  }
}

export const announcer = new Announcer();

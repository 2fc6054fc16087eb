// What this browser's user chose; kept in local storage, and the defaults where that is not allowed.
export type Theme = 'system' | 'light' | 'dark';
export type Times = 'local' | 'utc';

const kKey = 'vedette.preferences';

interface Stored {
  theme: Theme;
  times: Times;
  shortcuts: boolean;
  schema: boolean;
}

const defaults: Stored = { theme: 'system', times: 'local', shortcuts: true, schema: true };

function load(): Stored {
  try {
    const stored = JSON.parse(localStorage.getItem(kKey) ?? '{}') as Partial<Stored>;
    return {
      theme: stored.theme === 'light' || stored.theme === 'dark' ? stored.theme : 'system',
      times: stored.times === 'utc' ? 'utc' : 'local',
      shortcuts: stored.shortcuts !== false,
      schema: stored.schema !== false,
    };
  } catch {
    return defaults;
  }
}

class Preferences {
  theme = $state<Theme>('system');
  times = $state<Times>('local');
  // Single-key shortcuts (WCAG 2.1.4 wants them to be switchable).
  shortcuts = $state(true);
  // Whether the query page shows its table panel.
  schema = $state(true);

  constructor() {
    this.restore();
  }

  restore(): void {
    Object.assign(this, load());
    this.#apply();
  }

  save(changes: Partial<Stored>): void {
    Object.assign(this, changes);
    this.#apply();
    try {
      const { theme, times, shortcuts, schema } = this;
      localStorage.setItem(kKey, JSON.stringify({ theme, times, shortcuts, schema }));
    } catch {
      // Private windows may refuse; the choice then lasts as long as the page.
    }
  }

  #apply(): void {
    const root = document.documentElement;
    if (this.theme === 'system') delete root.dataset.theme;
    else root.dataset.theme = this.theme;
  }
}

export const preferences = new Preferences();

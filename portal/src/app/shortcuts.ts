import { Shortcuts } from './keys';
import { preferences } from './preferences.svelte';

export const shortcuts = new Shortcuts(() => preferences.shortcuts);

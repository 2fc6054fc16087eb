// One timer for every relative time on the page.
class Clock {
  now = $state(Date.now());
}

export const clock = new Clock();

const kTickMs = 15_000;

export function startClock(): () => void {
  const tick = () => {
    clock.now = Date.now();
  };
  const timer = setInterval(tick, kTickMs);
  document.addEventListener('visibilitychange', tick);
  return () => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', tick);
  };
}

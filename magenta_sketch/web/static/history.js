// The states of the sheet, for undo and redo.

export class History {
  constructor(lines = []) {
    this.states = [{ lines, finished: false }];
    this.place = 0;
  }

  /** What is shown: {lines, finished}; finished: whether the model has said so. */
  get now() {
    return this.states[this.place];
  }

  push(lines, finished = false) {
    this.states = [...this.states.slice(0, this.place + 1), { lines, finished }];
    this.place += 1;
  }

  /** Whether there is a state so many steps later (before, if negative). */
  has(steps) {
    return Boolean(this.states[this.place + steps]);
  }

  step(steps) {
    this.place += steps;
  }

  /** Forget what a model has said: there is another one. */
  unfinish() {
    this.states.forEach((state) => { state.finished = false; });
  }
}

/** Thousands of items, of which only those in sight are in the page. */

import type { JSX, RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** How the items are laid out. */
export interface Layout {
  /** The least width of a column, in pixels; 0 is one column. */
  readonly columnWidth: number;
  readonly rowHeight: number;
  readonly gap: number;
}

export interface VirtualProps {
  readonly label: string;
  readonly count: number;
  readonly layout: Layout;
  /** What it is of: another begins at its top, and one that was left is found again as it was. */
  readonly id: string;
  readonly keyOf: (index: number) => string;
  /** One item; only the active one can be reached by Tab, the others by arrow keys. */
  readonly item: (index: number, tabIndex: 0 | -1) => JSX.Element;
}

/** Rows that are there beyond what is seen, above and below. */
const OVERSCAN = 4;
const left = new Map<string, { top: number; active: number }>();

export function Virtual({ label, count, layout, id, keyOf, item }: VirtualProps): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const size = useSize(scroller);
  const [first, setFirst] = useState(0);
  const [active, setActive] = useState(0);
  const focus = useRef(false);
  const { rowHeight, gap } = layout;
  const columns = layout.columnWidth ? Math.max(2, Math.floor((size.width + gap) / (layout.columnWidth + gap))) : 1;
  const pitch = rowHeight + gap;
  const rows = Math.ceil(count / columns);
  const from = Math.max(0, first - OVERSCAN);
  const to = Math.min(rows, first + Math.ceil(size.height / pitch) + OVERSCAN + 1);
  const chosen = Math.min(active, Math.max(0, count - 1));

  useLayoutEffect(() => {
    const element = scroller.current;
    const before = left.get(id);
    if (element) element.scrollTop = before?.top ?? 0;
    setActive(before?.active ?? 0);
    setFirst(Math.floor((before?.top ?? 0) / pitch));
  }, [id, pitch, size.width > 0]);

  useEffect(() => {
    if (!focus.current) return;
    focus.current = false;
    scroller.current?.querySelector<HTMLElement>('[data-index][tabindex="0"], [data-index] [tabindex="0"]')?.focus();
  });

  const onScroll = (): void => {
    const top = scroller.current?.scrollTop ?? 0;
    left.set(id, { top, active: chosen });
    setFirst(Math.floor(top / pitch));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -count, End: count };
    const page = Math.max(1, Math.floor(size.height / pitch) - 1) * columns;
    const step = { ...steps, PageDown: page, PageUp: -page }[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = Math.min(count - 1, Math.max(0, chosen + step));
    const element = scroller.current;
    if (!element || next < 0) return;
    const top = Math.floor(next / columns) * pitch;
    if (top < element.scrollTop) element.scrollTop = top;
    if (top + rowHeight > element.scrollTop + element.clientHeight - gap) element.scrollTop = top + rowHeight + gap - element.clientHeight;
    left.set(id, { top: element.scrollTop, active: next });
    focus.current = true;
    setActive(next);
    setFirst(Math.floor(element.scrollTop / pitch));
  };

  const width = (size.width - gap * (columns - 1)) / columns;
  const shown: JSX.Element[] = [];
  for (let index = from * columns; size.width > 0 && index < Math.min(count, to * columns); index++) {
    const x = (index % columns) * (width + gap);
    const y = Math.floor(index / columns) * pitch;
    const style = { transform: `translate(${x}px, ${y}px)`, width: `${width}px`, height: `${rowHeight}px` };
    shown.push(
      <div class="cell" role="listitem" key={keyOf(index)} style={style} data-index={index} aria-setsize={count} aria-posinset={index + 1}>
        {item(index, index === chosen ? 0 : -1)}
      </div>,
    );
  }
  return (
    <div class="scroller" ref={scroller} onScroll={onScroll} onKeyDown={onKeyDown} data-testid="items">
      <div class="cells" role="list" aria-label={label} style={{ height: `${Math.max(0, rows * pitch - gap)}px` }}>
        {shown}
      </div>
    </div>
  );
}

/** How large the inside of an element is, without what is around it. */
function useSize(scroller: RefObject<HTMLElement>): { width: number; height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const measure = (): void => {
      const { paddingLeft, paddingRight } = getComputedStyle(element);
      setSize({ width: element.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight), height: element.clientHeight });
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return size;
}

//! Sorts the bytes of a module by what they are, which makes them a sixth smaller once they are packed: an offset says
//! much of the next offset, and little of the instruction that stands between them. What nearly always is the same behind an
//! instruction is left out, and the most frequent instructions of two bytes take one.

/// What the bytes of a module are. `pkg/ts/entries/join.ts` has them in this order.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// What stands before the first function.
    Before,
    /// Instructions, and the operands that depend on them most.
    Operations,
    Gets,
    Sets,
    /// Where in memory something is loaded from, or stored to, from an address on.
    Loads,
    Stores,
    Integers,
    /// Integers that are added or subtracted at once.
    Steps,
    /// Constants of the other types.
    Constants,
    Calls,
    Branches,
    /// Branches on a condition.
    Conditions,
    /// Branches to one of many places.
    Tables,
    Locals,
    After,
}

const KINDS: usize = Kind::After as usize + 1;
const CODE_SECTION: u8 = 10;
/// What loads and stores are aligned to when they are aligned to their size, from the first instruction on.
const ALIGNMENTS: [u8; 23] = [2, 3, 2, 3, 0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 2, 3, 2, 3, 0, 1, 0, 1, 2];
/// What a module starts with: its name, and its version.
const PREAMBLE_BYTES: usize = 8;

/// How many bytes the module has, and those of each kind, in four bytes each; then the bytes, sorted.
pub(crate) fn split(module: &[u8]) -> Result<Vec<u8>, String> {
    let mut sorter = Sorter { module, at: 0, sorted: Default::default() };
    sorter.module().ok_or_else(|| format!("byte {} of the module is not known", sorter.at))?;
    let sizes = [module.len()].into_iter().chain(sorter.sorted.iter().map(Vec::len));
    let sizes = sizes.flat_map(|size| {
        u32::try_from(size).expect("a module is smaller than 4 GiB").to_le_bytes()
    });
    Ok(sizes.chain(sorter.sorted.iter().flatten().copied()).collect())
}

/// What stands for an instruction, and whether it stands for the byte behind that as well. It is no other instruction that
/// [`Sorter::operation`] knows.
fn shortened(operation: u8, next: u8) -> (u8, bool) {
    match operation {
        // `local.get` and `i32.const`.
        0x20 if next < 2 => (0x06 + next, true),
        0x41 if next < 2 => (0x08 + next, true),
        // Blocks, which mostly have no value, then loads and stores.
        0x02..=0x04 if next == 0x40 => (operation, true),
        0x02..=0x04 => (operation + 0x10, false),
        0x28..=0x3e if next == ALIGNMENTS[usize::from(operation - 0x28)] => (operation, true),
        0x28..=0x3e => (operation + 0xb8, false),
        _ => (operation, false),
    }
}

struct Sorter<'a> {
    module: &'a [u8],
    at: usize,
    sorted: [Vec<u8>; KINDS],
}

impl Sorter<'_> {
    fn module(&mut self) -> Option<()> {
        self.bytes(Kind::Before, PREAMBLE_BYTES)?;
        loop {
            let section = self.byte(Kind::Before)?;
            let size = self.number(Kind::Before)?;
            if section == CODE_SECTION {
                break;
            }
            self.bytes(Kind::Before, size)?;
        }
        for _ in 0..self.number(Kind::Before)? {
            self.function()?;
        }
        self.bytes(Kind::After, self.module.len() - self.at)
    }

    fn function(&mut self) -> Option<()> {
        let size = self.left_out()?;
        let end = self.at + size;
        for _ in 0..self.number(Kind::Locals)? {
            self.numbers(Kind::Locals, 2)?;
        }
        while self.at < end {
            self.operation()?;
        }
        (self.at == end).then_some(())
    }

    fn operation(&mut self) -> Option<()> {
        let operation = *self.module.get(self.at)?;
        let next = self.module.get(self.at + 1).copied().unwrap_or_default();
        let (short, is_both) = shortened(operation, next);
        self.sorted[Kind::Operations as usize].push(short);
        self.at += 1 + usize::from(is_both);
        match operation {
            0x02..=0x04 | 0x20 | 0x41 if is_both => Some(()),
            // `local.get`, then `local.set` and `local.tee`.
            0x20 => self.numbers(Kind::Gets, 1),
            0x21 | 0x22 => self.numbers(Kind::Sets, 1),
            // Loads and stores: their alignment, and their offset.
            0x28..=0x3e => {
                if !is_both {
                    self.number(Kind::Operations)?;
                }
                self.numbers(if operation < 0x36 { Kind::Loads } else { Kind::Stores }, 1)
            }
            0x41 => {
                let behind =
                    self.module[self.at..].iter().skip_while(|byte| **byte > 0x7f).nth(1)?;
                // `i32.add` and `i32.sub`.
                let is_step = matches!(behind, 0x6a | 0x6b);
                self.numbers(if is_step { Kind::Steps } else { Kind::Integers }, 1)
            }
            0x42 => self.numbers(Kind::Constants, 1),
            0x43 => self.bytes(Kind::Constants, 4),
            0x44 => self.bytes(Kind::Constants, 8),
            // `call` and `ref.func`.
            0x10 | 0xd2 => self.numbers(Kind::Calls, 1),
            0x0c => self.numbers(Kind::Branches, 1),
            0x0d => self.numbers(Kind::Conditions, 1),
            0x0e => {
                let targets = self.number(Kind::Tables)? + 1;
                self.numbers(Kind::Tables, targets)
            }
            // Blocks, globals, tables, memory and `ref.null`, then `call_indirect`.
            0x02..=0x04 | 0x23..=0x26 | 0x3f..=0x40 | 0xd0 => self.numbers(Kind::Operations, 1),
            0x11 => self.numbers(Kind::Operations, 2),
            // `select` with types.
            0x1c => {
                let types = self.number(Kind::Operations)?;
                self.numbers(Kind::Operations, types)
            }
            0xfc => match self.number(Kind::Operations)? {
                0..=7 => Some(()),
                8 | 10 | 12 | 14 => self.numbers(Kind::Operations, 2),
                9 | 11 | 13 | 15..=17 => self.numbers(Kind::Operations, 1),
                _ => None,
            },
            0x00..=0x01 | 0x05 | 0x0b | 0x0f | 0x1a..=0x1b | 0x45..=0xc4 | 0xd1 => Some(()),
            _ => None,
        }
    }

    fn byte(&mut self, kind: Kind) -> Option<u8> {
        let byte = *self.module.get(self.at)?;
        self.at += 1;
        self.sorted[kind as usize].push(byte);
        Some(byte)
    }

    fn bytes(&mut self, kind: Kind, count: usize) -> Option<()> {
        let bytes = self.module.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        self.sorted[kind as usize].extend_from_slice(bytes);
        Some(())
    }

    /// How many bytes a function has, in as few bytes as that takes. Where it ends says as much.
    fn left_out(&mut self) -> Option<usize> {
        let (start, before) = (self.at, self.sorted[Kind::Locals as usize].len());
        let size = self.number(Kind::Locals)?;
        self.sorted[Kind::Locals as usize].truncate(before);
        (self.module[self.at - 1] > 0 && self.at > start).then_some(size)
    }

    fn numbers(&mut self, kind: Kind, count: usize) -> Option<()> {
        (0..count).try_for_each(|_| self.number(kind).map(drop))
    }

    /// A number of any length, in LEB128; what is beyond 64 bits of it does not count.
    fn number(&mut self, kind: Kind) -> Option<usize> {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let byte = self.byte(kind)?;
            number |= usize::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                break;
            }
        }
        Some(number)
    }
}

#[cfg(test)]
mod tests;

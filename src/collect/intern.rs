//! Names → dense indexes: foreign ids become small numbers once, and are found again without allocation.

use std::hash::BuildHasher;

use compact_str::CompactString;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Names, each with the dense index that it keeps until it is removed. The hash is seeded at random, because names are
/// foreign input; no order of the table is ever visible.
#[derive(Default)]
pub struct Names {
    hasher: RandomState,
    table: HashTable<u32>,
    /// A short one, as ids are, lies in the vector itself: one look at memory less for each reading.
    names: Vec<CompactString>,
    free: Vec<u32>,
    removed: u64,
}

impl Names {
    /// How many names there are.
    pub fn count(&self) -> usize {
        self.table.len()
    }

    /// How many names were removed so far: while this stays, an index stands for the same name.
    pub fn removed(&self) -> u64 {
        self.removed
    }

    /// The index of a name.
    pub fn find(&self, name: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(name);
        self.table.find(hash, |index| &*self.names[*index as usize] == name).copied()
    }

    /// Gives a name that is not there an index: that of a name removed before, or the next one.
    pub fn insert(&mut self, name: &str) -> u32 {
        let index = match self.free.pop() {
            Some(index) => {
                self.names[index as usize] = name.into();
                index
            }
            None => {
                self.names.push(name.into());
                (self.names.len() - 1) as u32
            }
        };
        let (hasher, names) = (&self.hasher, &self.names);
        let rehash = |index: &u32| hasher.hash_one(names[*index as usize].as_str());
        self.table.insert_unique(hasher.hash_one(name), index, rehash);
        index
    }

    /// The index of a name, new or not.
    pub fn intern(&mut self, name: &str) -> u32 {
        self.find(name).unwrap_or_else(|| self.insert(name))
    }

    /// Forgets a name; its index is free for another.
    pub fn remove(&mut self, index: u32) {
        let hash = self.hasher.hash_one(self.names[index as usize].as_str());
        if let Ok(entry) = self.table.find_entry(hash, |known| *known == index) {
            entry.remove();
            self.free.push(index);
            self.removed += 1;
        }
    }

    /// The name of an index that was given.
    pub fn name(&self, index: u32) -> &str {
        &self.names[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_index_until_it_is_removed() {
        let mut names = Names::default();
        let (a, b) = (names.intern("a"), names.intern("b"));
        assert_eq!(
            (names.intern("a"), names.find("b"), names.find("c"), names.count()),
            (a, Some(b), None, 2)
        );
        names.remove(a);
        assert_eq!((names.find("a"), names.count()), (None, 1));
        assert_eq!(names.intern("c"), a, "its index is used again");
        assert_eq!((names.name(a), names.name(b)), ("c", "b"));
    }
}

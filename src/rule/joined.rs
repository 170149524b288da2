//! Many short lists in one: no list needs a pointer, all of which would have to be set whenever the program starts.

use std::borrow::Cow;

/// Lists one behind the other.
#[derive(Debug, Clone)]
pub struct Joined<T: Clone + 'static> {
    all: Cow<'static, [T]>,
    /// Where each of them ends.
    ends: Cow<'static, [u32]>,
}

impl<T: Clone> Joined<T> {
    /// Lists that the build has joined.
    pub(crate) const fn made(all: &'static [T], ends: &'static [u32]) -> Self {
        Self { all: Cow::Borrowed(all), ends: Cow::Borrowed(ends) }
    }

    /// Joins lists.
    ///
    /// # Panics
    /// Where they have more than 2^32 members.
    #[must_use]
    pub fn of<'l>(lists: impl IntoIterator<Item = &'l [T]>) -> Self
    where
        T: 'l,
    {
        let (mut all, mut ends) = (Vec::new(), Vec::new());
        for list in lists {
            all.extend_from_slice(list);
            ends.push(u32::try_from(all.len()).expect("fewer than 2^32 members"));
        }
        Self { all: all.into(), ends: ends.into() }
    }

    /// How many lists there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One of them.
    #[inline]
    #[must_use]
    pub fn get(&self, n: usize) -> &[T] {
        let from = n.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.all[from..self.ends[n] as usize]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len()).map(|n| self.get(n))
    }
}

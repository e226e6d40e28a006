//! Lists in pages: at most so many entries, and a cursor that says where the next page begins.

use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;

/// Entries of a page when nobody says how many.
pub const DEFAULT_LIMIT: usize = 100;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries, in a fixed order.
    pub items: Vec<T>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next: Option<String>,
}

/// Which page is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    limit: usize,
    after: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    /// Checks the parameters `limit` and `cursor`.
    ///
    /// # Errors
    /// If the limit is 0 or above `limits.page_max`.
    pub fn new(limit: Option<usize>, cursor: Option<&'a str>, page_max: usize) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT.min(page_max));
        if limit == 0 || limit > page_max {
            return Err(Problem::bad_request(format!("limit is {limit}: ask for 1 to {page_max} entries")));
        }
        Ok(Wanted { limit, after: cursor })
    }

    /// Cuts the page out of a list in the order of `key`, and makes its entries.
    pub fn cut<E, T>(
        self,
        mut all: Vec<E>,
        key: impl Fn(&E) -> String,
        make: impl Fn(E) -> Option<T>,
    ) -> Page<T> {
        all.sort_by_cached_key(&key);
        let start = self.after.map_or(0, |after| all.partition_point(|entry| key(entry).as_str() <= after));
        let mut rest = all.split_off(start);
        let more = rest.len() > self.limit;
        rest.truncate(self.limit);
        let next = rest.last().filter(|_| more).map(&key);
        Page { items: rest.into_iter().filter_map(make).collect(), next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_put_together_are_the_list() {
        let all: Vec<u32> = (10..35).collect();
        for limit in 1..30 {
            let mut seen = Vec::new();
            let mut cursor: Option<String> = None;
            loop {
                let wanted = Wanted::new(Some(limit), cursor.as_deref(), 100).unwrap();
                let page = wanted.cut(all.clone(), u32::to_string, Some);
                assert!(page.items.len() <= limit);
                seen.extend(page.items);
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, all, "pages of {limit}");
        }
    }

    #[test]
    fn a_limit_stays_within_bounds() {
        for (limit, fits) in
            [(None, true), (Some(1), true), (Some(50), true), (Some(0), false), (Some(51), false)]
        {
            assert_eq!(Wanted::new(limit, None, 50).is_ok(), fits, "{limit:?}");
        }
    }
}

use super::*;
use proptest::prelude::*;

const PAGE: usize = 1000;

/// Walks over sorted names until there are `limit`, as a table does; the names and the number of listings.
fn walk(names: &[String], after: &str, before: Option<&str>, page: usize, limit: usize) -> (Vec<String>, usize) {
    let mut walk = Walk::new(after, before, page);
    let (mut found, mut listings) = (Vec::new(), 0);
    while found.len() < limit {
        match walk.step() {
            Step::End => break,
            Step::Page(page) => found.extend(page.into_iter().map(|name: &str| name.to_owned())),
            Step::List(from) => {
                listings += 1;
                assert!(listings < 10_000, "the walk does not end");
                assert!(from.as_str() >= after, "{from:?} is not behind {after:?}");
                let start = names.partition_point(|name| *name <= from);
                let end = names.len().min(start + page);
                walk.listed(names[start..end].iter().map(String::as_str).collect(), end < names.len());
            }
        }
    }
    found.truncate(limit);
    (found, listings)
}

fn expected(names: &[String], after: &str, before: Option<&str>, limit: usize) -> Vec<String> {
    let within = names.iter().filter(|n| n.as_str() > after && before.is_none_or(|before| n.as_str() < before));
    within.rev().take(limit).cloned().collect()
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    names.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

/// Scrambles a number, the same way always.
fn scrambled(seed: u64) -> u64 {
    let x = (seed ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (x ^ (x >> 29)).wrapping_mul(0x94D0_49BB_1331_11EB) ^ (x >> 7)
}

fn numbers(count: u64) -> Vec<String> {
    sorted((0..count).map(|i| format!("{i:020}")))
}

fn hashes(count: u64) -> Vec<String> {
    sorted((0..count).map(|i| format!("{:016x}{:016x}", scrambled(i), scrambled(i + 7))))
}

fn times(count: u64) -> Vec<String> {
    sorted((0..count).map(|i| {
        let second = i / 3;
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        format!("2026-2D11-2D{:02}T{:02}=3A{m:02}=3A{s:02}-2E125Z-23{:08x}", 1 + h / 24, h % 24, scrambled(i) >> 32)
    }))
}

fn tenants(count: u64) -> Vec<String> {
    sorted((0..count).map(|i| format!("{:032x}-23{:010}", scrambled(i % 7), i / 7)))
}

fn lengths(count: u64) -> Vec<String> {
    sorted((0..count).map(|i| "ab-7E".repeat(usize::try_from(scrambled(i) % 30).unwrap()) + &i.to_string()))
}

type Names = fn(u64) -> Vec<String>;
const KINDS: [(&str, Names); 5] =
    [("numbers", numbers), ("hashes", hashes), ("times", times), ("tenants", tenants), ("lengths", lengths)];

#[test]
fn one_listing_is_enough_for_a_page() {
    for (_, names) in KINDS {
        let names = names(900);
        assert_eq!(walk(&names, "", None, PAGE, 1), (expected(&names, "", None, 1), 1));
        assert_eq!(walk(&names, "", None, PAGE, 10_000), (expected(&names, "", None, 10_000), 1));
    }
    assert_eq!(walk(&[], "", None, PAGE, 1), (Vec::new(), 1));
}

#[test]
fn the_last_name_is_found_in_few_listings() {
    // Names of thirty lengths, each behind the next shorter one, are the worst that a walk can meet.
    for ((kind, make), most) in KINDS.into_iter().zip([18, 18, 30, 30, 250]) {
        for count in [3_000, 30_000, 100_000] {
            let names = make(count);
            let (found, listings) = walk(&names, "", None, PAGE, 1);
            assert_eq!(found, expected(&names, "", None, 1));
            assert!(listings <= most, "{kind} {count}: {listings}");
        }
    }
}

#[test]
fn a_walk_to_the_left_costs_little_more_than_its_pages() {
    for ((kind, make), per_page) in KINDS.into_iter().zip([2, 2, 3, 5, 5]) {
        let names = make(50_000);
        let (found, listings) = walk(&names, "", None, PAGE, 50_000);
        assert_eq!(found, expected(&names, "", None, 50_000));
        assert!(listings <= per_page * names.len() / PAGE, "{kind}: {listings} for {}", names.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_walk_finds_what_there_is(
        kind in 0..KINDS.len(), count in 0_u64..300, page in 1_usize..20, limit in 1_usize..80,
        ends in any::<(u16, u16, bool, bool)>(), foreign in proptest::collection::vec("[-0-9=A-Z_a-z~./]{0,3}", 0..9),
    ) {
        let mut names = KINDS[kind].1(count);
        names.extend(foreign.into_iter().filter(|name| !name.is_empty()));
        let names = sorted(names);
        let end = |at: u16, cut: bool| -> Option<String> {
            let name = names.get(usize::from(at) % names.len().max(1))?;
            Some(if cut { name[..name.len() / 2].to_owned() } else { name.clone() })
        };
        let after = end(ends.0, ends.2).unwrap_or_default();
        let before = if ends.3 { end(ends.1, ends.2) } else { None };
        let (found, _) = walk(&names, &after, before.as_deref(), page, limit);
        prop_assert_eq!(found, expected(&names, &after, before.as_deref(), limit));
    }

    #[test]
    fn crowded_names_are_found(parts in proptest::collection::vec("[ab-]{0,6}", 0..100), page in 1_usize..9) {
        let names = sorted(parts.into_iter().filter(|name| !name.is_empty()));
        prop_assert_eq!(walk(&names, "", None, page, 500).0, expected(&names, "", None, 500));
    }
}

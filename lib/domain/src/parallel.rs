//! Doing the same to every item on several threads: packing and checking the members of a block
//! needs no order, only their hashes do.

/// The answers in the order of the items. With one thread or none, on the caller's. Each thread
/// starts its share with a tool of its own.
pub(crate) fn map<T: Sync, R: Send, S>(
    items: &[T],
    threads: usize,
    tool: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let each = |share: &[T]| {
        let mut tool = tool();
        share.iter().map(|item| each(&mut tool, item)).collect::<Vec<R>>()
    };
    let share = items.len().div_ceil(threads.max(1)).max(1);
    let mut shares = items.chunks(share);
    let Some(own) = shares.next() else { return Vec::new() };
    std::thread::scope(|scope| {
        let each = &each;
        let others: Vec<_> = shares.map(|share| scope.spawn(move || each(share))).collect();
        let mut answers = each(own);
        for other in others {
            answers.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        answers
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn answers_keep_the_order_of_the_items() {
        for count in 0..20 {
            let items: Vec<usize> = (0..count).collect();
            for threads in 0..6 {
                let wanted: Vec<usize> = items.iter().map(|i| i * 2).collect();
                assert_eq!(super::map(&items, threads, || (), |(), i| i * 2), wanted, "{count} on {threads}");
            }
        }
    }
}

//! Did you mean …? The known word nearest to a wrong one.

/// The word of `known` that `wrong` was probably meant to be: equal but for
/// case and separators, or less than a third of its letters away.
pub(crate) fn nearest<'k>(wrong: &str, known: &[&'k str]) -> Option<&'k str> {
    let folded = fold(wrong);
    let limit = (folded.len().saturating_sub(1) / 3).clamp(1, 4);
    known
        .iter()
        .map(|candidate| (distance(&folded, &fold(candidate), limit), *candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The `count` known words that share most with a wrong one, best first.
pub(crate) fn closest<'k>(wrong: &str, known: &[&'k str], count: usize) -> Vec<&'k str> {
    let folded = fold(wrong);
    let mut words: Vec<(usize, &str)> = known
        .iter()
        .map(|candidate| (distance(&folded, &fold(candidate), LONGEST), *candidate))
        .collect();
    words.sort_by_key(|(distance, _)| *distance);
    words.into_iter().map(|(_, word)| word).take(count).collect()
}

/// Longer words are cut: nobody means a known word with them.
const LONGEST: usize = 64;

fn fold(word: &str) -> Vec<char> {
    let letters = word.chars().filter(|c| !matches!(c, '-' | '_' | ' '));
    letters.flat_map(char::to_lowercase).take(LONGEST).collect()
}

/// Damerau–Levenshtein distance (optimal string alignment): letters inserted,
/// left out, replaced or swapped with their neighbour.
fn distance(a: &[char], b: &[char], limit: usize) -> usize {
    if a.len().abs_diff(b.len()) > limit {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn typing_mistakes_find_their_word() {
        let known = ["scale", "offset", "deadband", "max_words", "type", "at"];
        for (wrong, right) in [
            ("scael", "scale"),
            ("offest", "offset"),
            ("dead_band", "deadband"),
            ("maxWords", "max_words"),
            ("typ", "type"),
        ] {
            assert_eq!(nearest(wrong, &known), Some(right), "{wrong}");
        }
        for far in ["", "x", "register", "电压", &"scale".repeat(100)] {
            assert_eq!(nearest(far, &known), None, "{far}");
        }
    }
}

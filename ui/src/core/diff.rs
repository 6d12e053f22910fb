//! What differs between two texts, line by line (E. W. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986).

/// A line of the difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// In both texts, at these lines, counted from 1.
    Same(usize, usize, &'a str),
    /// Only in the text before.
    Gone(usize, &'a str),
    /// Only in the text after.
    New(usize, &'a str),
}

/// Texts that differ in more lines than this are shown as one replaced by the other: finding what they share would take long.
const MOST: usize = 2_000;

/// The lines of both texts: those that are gone before those that are new.
#[must_use]
pub fn diff<'a>(before: &'a str, after: &'a str) -> Vec<Line<'a>> {
    let (a, b): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (inner_a, inner_b) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    let mut out: Vec<Line<'a>> = (0..head).map(|i| Line::Same(i + 1, i + 1, a[i])).collect();
    for step in middle(inner_a, inner_b) {
        out.push(match step {
            Step::Same(x, y) => Line::Same(head + x + 1, head + y + 1, inner_a[x]),
            Step::Gone(x) => Line::Gone(head + x + 1, inner_a[x]),
            Step::New(y) => Line::New(head + y + 1, inner_b[y]),
        });
    }
    out.extend((0..tail).map(|i| {
        let (x, y) = (a.len() - tail + i, b.len() - tail + i);
        Line::Same(x + 1, y + 1, a[x])
    }));
    out
}

#[derive(Clone, Copy)]
enum Step {
    Same(usize, usize),
    Gone(usize),
    New(usize),
}

fn middle(a: &[&str], b: &[&str]) -> Vec<Step> {
    let (n, m) = (a.len(), b.len());
    let replaced = || (0..n).map(Step::Gone).chain((0..m).map(Step::New)).collect();
    if n == 0 || m == 0 {
        return replaced();
    }
    let most = (n + m).min(MOST);
    // The furthest line of `a` that is reached on each diagonal, and what that was before each round.
    let width = 2 * most + 1;
    let mut furthest = vec![0_usize; width + 2];
    let mut trace: Vec<Vec<usize>> = Vec::new();
    let at = |diagonal: isize| (diagonal + most as isize + 1) as usize;
    for round in 0..=most as isize {
        // Only the diagonals that this round can look at are kept.
        trace.push(furthest[at(-round - 1).min(at(-round))..=at(round + 1).min(width + 1)].to_vec());
        let mut diagonal = -round;
        while diagonal <= round {
            let down = diagonal == -round || (diagonal != round && furthest[at(diagonal - 1)] < furthest[at(diagonal + 1)]);
            let mut x = if down { furthest[at(diagonal + 1)] } else { furthest[at(diagonal - 1)] + 1 };
            let mut y = (x as isize - diagonal) as usize;
            while x < n && y < m && a[x] == b[y] {
                x += 1;
                y += 1;
            }
            furthest[at(diagonal)] = x;
            if x >= n && y >= m {
                return walk_back(&trace, n, m);
            }
            diagonal += 2;
        }
    }
    replaced()
}

fn walk_back(trace: &[Vec<usize>], n: usize, m: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut x, mut y) = (n as isize, m as isize);
    for (round, kept) in trace.iter().enumerate().rev() {
        let round = round as isize;
        // What was kept of a round begins with the diagonal before its first.
        let of = |diagonal: isize| kept.get((diagonal + round + 1) as usize).copied().unwrap_or(0) as isize;
        let diagonal = x - y;
        let down = diagonal == -round || (diagonal != round && of(diagonal - 1) < of(diagonal + 1));
        let from = if down { diagonal + 1 } else { diagonal - 1 };
        let (from_x, from_y) = if round == 0 { (0, 0) } else { (of(from), of(from) - from) };
        while x > from_x && y > from_y {
            x -= 1;
            y -= 1;
            steps.push(Step::Same(x as usize, y as usize));
        }
        if round > 0 {
            if down {
                y -= 1;
                steps.push(Step::New(y as usize));
            } else {
                x -= 1;
                steps.push(Step::Gone(x as usize));
            }
        }
    }
    steps.reverse();
    // Between two lines that stay, those that go are shown before those that come.
    let mut out: Vec<Step> = Vec::with_capacity(steps.len());
    let mut new = Vec::new();
    for step in steps {
        match step {
            Step::New(_) => new.push(step),
            Step::Gone(_) => out.push(step),
            Step::Same(..) => {
                out.append(&mut new);
                out.push(step);
            }
        }
    }
    out.append(&mut new);
    out
}

/// A part of a difference: lines that are shown, or that are left out since nothing differs near them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Lines to show.
    Shown(Vec<Line<'a>>),
    /// So many lines that are the same.
    Hidden(usize),
}

/// Leaves out what is the same, but for `context` lines before and after each difference.
#[must_use]
pub fn folded<'a>(lines: &[Line<'a>], context: usize) -> Vec<Part<'a>> {
    let mut near = vec![false; lines.len()];
    for (i, _) in lines.iter().enumerate().filter(|(_, line)| !matches!(line, Line::Same(..))) {
        near[i.saturating_sub(context)..(i + context + 1).min(lines.len())].fill(true);
    }
    let mut parts: Vec<Part<'a>> = Vec::new();
    for (line, near) in lines.iter().zip(near) {
        match (parts.last_mut(), near) {
            (Some(Part::Shown(shown)), true) => shown.push(line.clone()),
            (_, true) => parts.push(Part::Shown(vec![line.clone()])),
            (Some(Part::Hidden(count)), false) => *count += 1,
            (_, false) => parts.push(Part::Hidden(1)),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, after: &str) -> (usize, usize) {
        let lines = diff(before, after);
        let one = |pick: &dyn Fn(&Line<'_>) -> Option<(usize, String)>| lines.iter().filter_map(pick).collect::<Vec<_>>();
        let old = one(&|line| match line {
            Line::Same(x, _, text) | Line::Gone(x, text) => Some((*x, (*text).to_owned())),
            Line::New(..) => None,
        });
        let new = one(&|line| match line {
            Line::Same(_, y, text) | Line::New(y, text) => Some((*y, (*text).to_owned())),
            Line::Gone(..) => None,
        });
        let numbered = |text: &str| text.lines().enumerate().map(|(i, line)| (i + 1, line.to_owned())).collect::<Vec<_>>();
        assert_eq!((old, new), (numbered(before), numbered(after)), "{before:?} {after:?}");
        let count = |gone: bool| {
            lines.iter().filter(move |line| matches!(line, Line::Gone(..)) == gone && !matches!(line, Line::Same(..)))
        };
        (count(true).count(), count(false).count())
    }

    #[test]
    fn the_shortest_way_from_one_text_to_the_other() {
        assert_eq!(check("", ""), (0, 0));
        assert_eq!(check("a\nb\n", "a\nb\n"), (0, 0));
        assert_eq!(check("a\nb\nc", "a\nx\nc"), (1, 1));
        assert_eq!(check("", "a\nb"), (0, 2));
        assert_eq!(check("a\nb", ""), (2, 0));
        // The example of the paper: the shortest script has five steps.
        let (gone, new) = check("a\nb\nc\na\nb\nb\na", "c\nb\na\nb\na\nc");
        assert_eq!(gone + new, 5);
        let long: Vec<String> = (0..900).map(|n| format!("line {n}")).collect();
        let mut other = long.clone();
        other.remove(500);
        other.insert(100, "new".to_owned());
        other[700] = "changed".to_owned();
        assert_eq!(check(&long.join("\n"), &other.join("\n")), (2, 2));
    }

    #[test]
    fn texts_that_share_little_are_replaced() {
        let text = |stem: &str| (0..4_000).map(|n| format!("{stem} {n}")).collect::<Vec<_>>().join("\n");
        assert_eq!(check(&text("a"), &text("b")), (4_000, 4_000));
    }

    #[test]
    fn what_is_far_from_a_difference_is_left_out() {
        let before: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let mut after = before.clone();
        after[10] = "x".to_owned();
        let (before, after) = (before.join("\n"), after.join("\n"));
        let parts = folded(&diff(&before, &after), 2);
        assert!(matches!(&parts[..], [Part::Hidden(8), Part::Shown(shown), Part::Hidden(7)] if shown.len() == 6), "{parts:?}");
        assert_eq!(folded(&diff(&before, &before), 2), vec![Part::Hidden(20)]);
    }
}

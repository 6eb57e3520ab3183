//! What a run is for, in one line.

/// How long a goal is at most. The whole of what was asked for is the run's input.
const GOAL_CHARACTERS_MAX: usize = 200;

/// The first line of what was asked for that is not blank, cut to a length that fits a list of runs.
pub(crate) fn goal(asked: &str) -> Option<String> {
    let line = asked.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(GOAL_CHARACTERS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_with_text_counts_and_long_ones_are_cut_between_characters() {
        assert_eq!(goal("\n  \n  mend the gate \nnow").as_deref(), Some("mend the gate"));
        assert_eq!(goal(" \n"), None);
        assert_eq!(goal(&"é".repeat(300)).unwrap().chars().count(), GOAL_CHARACTERS_MAX);
    }
}

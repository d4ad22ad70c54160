//! Does a study or series show the part of the body that a project collects? From coded values first, from descriptions else.

/// The answer; what cannot be told is held, never guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It shows the wanted part, perhaps among others.
    Wanted,
    /// It shows other parts only.
    Elsewhere,
    /// It does not say.
    Unknown,
}

/// The body-part map of a project.
#[derive(Debug, Clone)]
pub struct BodyParts {
    wanted: Vec<String>,
    elsewhere: Vec<String>,
    wanted_words: Vec<Vec<String>>,
    elsewhere_words: Vec<Vec<String>>,
}

impl BodyParts {
    pub(super) fn new(
        wanted: Vec<String>,
        elsewhere: Vec<String>,
        wanted_words: Vec<String>,
        elsewhere_words: Vec<String>,
    ) -> Self {
        let squeeze = |list: Vec<String>| list.iter().map(|v| squeezed(v)).collect();
        let split = |list: Vec<String>| list.iter().map(|v| words(v)).collect();
        Self {
            wanted: squeeze(wanted),
            elsewhere: squeeze(elsewhere),
            wanted_words: split(wanted_words),
            elsewhere_words: split(elsewhere_words),
        }
    }

    /// Judges by Body Part Examined (0018,0015) and by descriptions (Study Description, Series Description, Protocol Name,
    /// Requested Procedure Description, meanings of procedure codes). Whatever says *wanted* outweighs what says *elsewhere*:
    /// a CT of chest and abdomen shows the chest.
    pub fn judge<'a>(
        &self,
        examined: impl IntoIterator<Item = &'a str>,
        descriptions: impl IntoIterator<Item = &'a str>,
    ) -> Judgement {
        let mut elsewhere = false;
        for value in examined {
            let value = squeezed(value);
            if self.wanted.contains(&value) {
                return Judgement::Wanted;
            }
            elsewhere |= self.elsewhere.contains(&value);
        }
        for text in descriptions {
            let text = words(text);
            let says = |list: &[Vec<String>]| {
                list.iter()
                    .any(|phrase| !phrase.is_empty() && text.windows(phrase.len()).any(|w| w == phrase))
            };
            if says(&self.wanted_words) {
                return Judgement::Wanted;
            }
            elsewhere |= says(&self.elsewhere_words);
        }
        if elsewhere { Judgement::Elsewhere } else { Judgement::Unknown }
    }
}

impl Judgement {
    /// A study that does not say is judged by its series: wanted if one is, elsewhere if all are, else unknown.
    pub fn of_series(series: impl IntoIterator<Item = Judgement>) -> Judgement {
        let mut answer = None;
        for one in series {
            answer = Some(match (answer, one) {
                (_, Judgement::Wanted) => return Judgement::Wanted,
                (None | Some(Judgement::Elsewhere), Judgement::Elsewhere) => Judgement::Elsewhere,
                _ => Judgement::Unknown,
            });
        }
        answer.unwrap_or(Judgement::Unknown)
    }
}

/// Letters and digits only, upper case: `CHEST_ABD`, `Chest/Abd` and `CHESTABD` are one value.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;

    fn judge(examined: &[&str], descriptions: &[&str]) -> Judgement {
        let nccid = Project::named("nccid").unwrap();
        nccid.body_parts.judge(examined.iter().copied(), descriptions.iter().copied())
    }

    #[test]
    fn a_coded_chest_is_wanted_and_a_coded_knee_is_not() {
        assert_eq!(judge(&["CHEST"], &[]), Judgement::Wanted);
        assert_eq!(judge(&["Chest "], &[]), Judgement::Wanted);
        assert_eq!(judge(&["KNEE"], &[]), Judgement::Elsewhere);
        assert_eq!(judge(&[""], &[""]), Judgement::Unknown);
    }

    #[test]
    fn descriptions_speak_where_codes_are_silent() {
        assert_eq!(judge(&[], &["XR Chest PA"]), Judgement::Wanted);
        assert_eq!(judge(&[], &["CT Pulmonary angiogram"]), Judgement::Wanted);
        assert_eq!(judge(&[], &["MRI Head"]), Judgement::Elsewhere);
        assert_eq!(judge(&[], &["Portable, ward 7"]), Judgement::Unknown);
        assert_eq!(judge(&[], &["Orchestral"]), Judgement::Unknown, "words match whole");
    }

    #[test]
    fn the_chest_among_other_parts_is_wanted() {
        assert_eq!(judge(&["ABDOMEN"], &["CT Thorax abdomen pelvis"]), Judgement::Wanted);
    }

    #[test]
    fn a_study_is_judged_by_its_series_and_no_series_is_unknown() {
        use Judgement::{Elsewhere, Unknown, Wanted};
        assert_eq!(Judgement::of_series([Elsewhere, Unknown, Wanted]), Wanted);
        assert_eq!(Judgement::of_series([Elsewhere, Elsewhere]), Elsewhere);
        assert_eq!(Judgement::of_series([Unknown, Elsewhere]), Unknown);
        assert_eq!(Judgement::of_series([]), Unknown);
    }
}

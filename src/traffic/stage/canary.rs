//! The canary draw: which of a stage's two deployments a request gets.

use std::borrow::Cow;

use rand::Rng;

use crate::model::id::StageName;

/// One side of a stage with a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The deployment that the stage stands for.
    Base,
    /// The deployment on trial.
    Canary,
}

impl Side {
    /// The name of a stage under which a side's requests are counted: a canary's apart.
    pub fn counted(self, stage: &StageName) -> Cow<'_, str> {
        match self {
            Self::Base => Cow::Borrowed(stage.as_str()),
            Self::Canary => Cow::Owned(format!("{stage}/Canary")),
        }
    }
}

/// Draws a side, independently for each request: the canary's with `percent` in a hundred.
pub(super) fn draw(percent: f64) -> Side {
    choose(percent, rand::rng().random::<f64>() * 100.0)
}

fn choose(percent: f64, drawn: f64) -> Side {
    if drawn < percent { Side::Canary } else { Side::Base }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nought_never_draws_the_canary_and_a_hundred_always() {
        for (percent, drawn, expected) in [
            (0.0, 0.0, Side::Base),
            (10.0, 9.99, Side::Canary),
            (10.0, 10.0, Side::Base),
            (100.0, 99.999, Side::Canary),
        ] {
            assert_eq!(choose(percent, drawn), expected, "{percent} {drawn}");
        }
    }
}

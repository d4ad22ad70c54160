//! The states of de-identification, as types that nothing outside this crate can add to or make.

use std::fmt::Debug;

mod sealed {
    pub trait Sealed {}
}

/// A state of de-identification.
pub trait State: sealed::Sealed + Debug {
    /// Its name, for `Debug` output.
    const NAME: &'static str;
}

macro_rules! state {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl State for $name {
            const NAME: &'static str = stringify!($name);
        }
    };
}

state! {
    /// As it came: names a person.
    Identifiable
}
state! {
    /// Every element has been cleaned under a profile; the pixels have not been judged.
    TagsCleaned
}
state! {
    /// The pixels have been judged under a pixel policy; the outgoing bytes have not been searched.
    PixelsCleaned
}
state! {
    /// Written, searched and cleared.
    Deidentified
}

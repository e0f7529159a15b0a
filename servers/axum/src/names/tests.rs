use proptest::prelude::*;

use super::*;

fn checked(text: &str) -> Result<String, NameError> {
    Names::default().check(text).map(Name::into_string)
}

#[test]
fn one_name_has_one_spelling() {
    for (text, name) in [
        ("Juliet", "juliet"),
        ("juliet@example.com", "juliet@example.com"),
        ("ＡＬＩＣＥ", "alice"),
        ("Cafe\u{301}", "café"),
        ("ΑΛΕΞΗΣ", "αλεξησ"),
        ("王小明", "王小明"),
        ("たなか田中", "たなか田中"),
        ("Вася", "вася"),
        ("fußball", "fußball"),
    ] {
        assert_eq!(checked(text).as_deref(), Ok(name), "{text}");
    }
}

#[test]
fn what_is_not_seen_is_no_part_of_a_name() {
    for (text, character) in [
        ("a b", ' '),
        ("a\u{200b}", '\u{200b}'),
        ("a\u{202e}b", '\u{202e}'),
        ("a\u{feff}", '\u{feff}'),
        ("a\u{ad}b", '\u{ad}'),
        ("a\n", '\n'),
        ("a\u{200d}b", '\u{200d}'),
        ("a\u{0}", '\u{0}'),
        ("henry\u{2163}", '\u{2163}'),
        ("♚", '♚'),
        ("a\u{a0}b", '\u{a0}'),
    ] {
        assert_eq!(checked(text), Err(NameError::Character { character }), "{text:?}");
    }
    assert_eq!(checked(""), Err(NameError::Empty));
    assert_eq!(checked("אa"), Err(NameError::Direction));
}

#[test]
fn a_name_has_a_length_in_every_spelling() {
    let names = Names::default().max_bytes(3);
    assert!(names.check("abc").is_ok());
    assert_eq!(names.check("abcd"), Err(NameError::TooLong { max_bytes: 3 }));
    // Lower case, it is a byte longer.
    assert_eq!("Ⱥ".len(), 2);
    assert_eq!(Names::default().max_bytes(2).check("Ⱥ"), Err(NameError::TooLong { max_bytes: 2 }));
}

#[test]
fn reserved_names_are_refused_in_every_look() {
    for text in ["system", "SYSTEM", "Ａｄｍｉｎ", "аdmin", "adrnin", "rооt"] {
        for names in [Names::default(), Names::default().allow_confusables()] {
            assert_eq!(names.check(text), Err(NameError::Reserved), "{text}");
        }
    }
    let own = Names::default().reserved(["Öffentlich", "not a name"]);
    assert_eq!(own.check("öffentlich"), Err(NameError::Reserved));
    assert!(own.check("system").is_ok());
}

#[test]
fn what_looks_like_another_name_is_refused_unless_allowed() {
    for text in ["pаypal", "аррӏе", "ѕсоре", "aλice"] {
        assert_eq!(checked(text), Err(NameError::Confusable), "{text}");
        assert!(Names::default().allow_confusables().check(text).is_ok(), "{text}");
    }
}

#[test]
fn names_of_one_look_have_one_skeleton() {
    let names = Names::default().allow_confusables();
    let skeleton = |text| names.check(text).map(|name| name.skeleton());
    assert_eq!(skeleton("аррӏе"), skeleton("apple"));
    assert_ne!(skeleton("apple"), skeleton("apples"));
}

proptest! {
    #[test]
    fn any_text_is_a_name_or_not_and_a_name_is_its_own(text in "\\PC{0,12}|[\\x00-\\u{10ffff}]{0,8}") {
        for names in [Names::default(), Names::default().allow_confusables()] {
            if let Ok(name) = names.check(&text) {
                prop_assert_eq!(names.check(&name), Ok(name));
            }
        }
    }
}

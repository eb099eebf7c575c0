//! Texts and what Whisper's own normaliser makes of them: the outputs of the Python package `whisper-normalizer` 0.1.14
//! (OpenAI's rules), which hold this implementation to the letter.

use voiceflow_assets::{AssetName, Assets};

use super::*;

const CASES: &[(&str, &str)] = &[
    ("Hello, World!", "hello world"),
    ("One two three four five six seven eight nine ten.", "12345678910"),
    ("1-2-345-678910.", "one 2 345 678910"),
    (
        "Mr. Smith's dog isn't here [laughter] (coughs) um, you know",
        "mister smith is dog is not here you know",
    ),
    (
        "I'm gonna say we've got twenty-one apples and it's been fun.",
        "i am going to say we have got 21 apples and it has been fun",
    ),
    ("nineteen twenty one", "1921"),
    ("twenty one", "21"),
    ("one hundred and five", "105"),
    ("two thousand three hundred forty five", "2345"),
    ("two and a half million dollars", "$2500000"),
    ("$20 million", "$20000000"),
    ("two point five percent", "2.5%"),
    ("five per cent of it", "5% of it"),
    ("one oh one", "101"),
    ("double oh seven", "007"),
    ("triple five two", "5552"),
    ("the nineteen sixties", "the 1960s"),
    ("the thirty second of May", "the 32nd of may"),
    ("the 32nd of May, 1960s", "the 32nd of may 1960s"),
    ("twelve dollars and five cents", "$12.05"),
    ("five cents", "¢5"),
    ("minus five degrees", "-5 degrees"),
    ("negative feelings", "negative feelings"),
    (
        "he won't, can't, and y'all shouldn't've",
        "he will not can not and you all should not have",
    ),
    (
        "Dr. Jones and Prof. Lee of St. Mary",
        "doctor jones and professor lee of saint mary",
    ),
    ("café naïve Łódź straße", "cafe naive lodz strasse"),
    ("one hundred thousand", "100000"),
    ("fifty fifty", "5050"),
    ("ten eleven twelve", "101112"),
    ("three point one four one five nine", "3.14159"),
    ("192.168.0.1", "192.168.0 one"),
    ("1,234,567.89", "1234567.89"),
    ("the second one and the first ones", "the 2nd one and the 1st ones"),
    ("twenty twenty four", "2024"),
    ("forty-two hundred", "4200"),
    ("a hundred thousandths", "a 100 thousandths"),
    ("sixes and sevens", "6s and 7s"),
    ("zero point five", "0.5"),
    ("point taken", "point taken"),
    ("and then", "and then"),
    ("I have one, you have 1.", "i have one you have one"),
    ("$0.50 is enough", "¢50 is enough"),
    ("£3 and 5 pence", "£3 and 5 pence"),
    ("plus or minus", "plus or minus"),
    ("one million two hundred thousand and thirty four", "1200034"),
    ("double trouble", "double trouble"),
    ("100%", "100%"),
    ("%", "%"),
    (
        "she's gone, he'd been there, it's got to be",
        "she has gone he had been there it has got to be",
    ),
    ("let's colour the grey theatre", "let us color the gray theater"),
    ("uh hmm mm mhm", ""),
    ("seven thousand five", "7005"),
    ("one two hundred", "1200"),
    ("twelve hundred", "1200"),
    ("three billion point five", "3000000000.5"),
    ("oh well", "0 well"),
    ("ninety nine point nine nine", "99.99"),
    ("0 0 7", "0 0 7"),
    ("ten and a half", "10.5"),
    ("dog and a half", "dog and a half"),
    ("five hundred dollars per day", "$500 per day"),
];

fn with_spellings() -> Normalizer {
    let path = Assets::open()
        .and_then(|assets| assets.path(AssetName::EnglishSpellings))
        .expect("run `cargo xtask setup`");
    Normalizer::with_spellings(&path).expect("a table")
}

#[test]
fn every_text_becomes_what_whispers_normaliser_makes_of_it() {
    let normalizer = with_spellings();
    let wrong: Vec<_> = CASES
        .iter()
        .map(|&(text, expected)| (text, expected, normalizer.normalize(text)))
        .filter(|(_, expected, found)| expected != found)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn normalising_twice_changes_nothing_more_in_plain_text() {
    let normalizer = with_spellings();
    for text in ["the quick brown fox", "mister john dashwood", "ill disposed young man"] {
        assert_eq!(normalizer.normalize(text), text);
    }
}

#[test]
fn without_a_table_spellings_stay() {
    assert_eq!(Normalizer::new().normalize("Colour"), "colour");
    assert_eq!(with_spellings().normalize("Colour"), "color");
}

#[test]
fn any_text_can_be_normalised() {
    for text in [
        "",
        " ",
        "''",
        "$",
        "-",
        "point",
        "double",
        "and a half",
        "9".repeat(60).as_str(),
        "\u{0}\u{ffff}𝟙",
    ] {
        let _ = with_spellings().normalize(text);
    }
    let chain = "nine hundred ninety nine decillion ".repeat(40);
    assert!(!Normalizer::new().normalize(&chain).is_empty());
}

#[test]
fn a_file_that_is_no_table_is_refused() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    assert!(matches!(
        Normalizer::with_spellings(file.path()),
        Err(SpellingsError::Syntax { .. })
    ));
    assert!(matches!(
        Normalizer::with_spellings("/nowhere".as_ref()),
        Err(SpellingsError::Read { .. })
    ));
}

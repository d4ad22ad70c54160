use super::*;

fn clean(text: &str) -> String {
    TextCleaner::new(&[], DatesInText::Remove, &BTreeSet::new()).clean(text).text
}

#[test]
fn smoke() {
    for t in [
        "Ax T2 TSE FS",
        "t1_mprage_sag_p2_iso",
        "Thorax 1.0 B70f",
        "LUNG 5.0 Br40 S3",
        "CHEST PA ERECT",
        "ABD/PEL W CON",
        "Obs US 20 weeks",
    ] {
        assert_eq!(clean(t), t);
    }
    assert_eq!(clean("CT CHEST FOR Smithers DOB 12/04/1953"), "CT CHEST");
}

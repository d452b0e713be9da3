//! Units as maps write them, and their UNECE Recommendation 20 codes.
//!
//! Source of the codes: UN/CEFACT Recommendation No. 20, "Codes for Units of
//! Measure Used in International Trade", Annex III (also the list that OPC UA
//! EUInformation refers to, OPC 10000-8, 5.6.4). A unit without a code there
//! is carried as text.

use crate::finding::{Finding, Log};
use crate::source::Place;
use crate::texts::{self, phrase};

/// Code, and every accepted spelling; the first is UCUM-like ASCII.
const UNITS: &[(&str, &[&str])] = &[
    // Ratios and counts
    ("P1", &["%", "pct"]),
    ("NX", &["[ppth]", "‰"]),
    ("59", &["[ppm]", "ppm"]),
    ("61", &["[ppb]", "ppb"]),
    ("C62", &["1"]),
    ("EA", &["{each}", "pcs"]),
    ("2N", &["dB"]),
    ("Q30", &["[pH]", "pH"]),
    ("NTU", &["NTU"]),
    // Electricity
    ("VLT", &["V"]),
    ("2Z", &["mV"]),
    ("D82", &["uV", "µV"]),
    ("KVT", &["kV"]),
    ("AMP", &["A"]),
    ("4K", &["mA"]),
    ("B84", &["uA", "µA"]),
    ("B22", &["kA"]),
    ("A41", &["A/m2", "A/m²"]),
    ("A4", &["A/cm2", "A/cm²"]),
    ("B23", &["kA/m2", "kA/m²"]),
    ("AMH", &["A.h", "Ah", "A·h"]),
    ("TAH", &["kA.h", "kAh", "kA·h"]),
    ("COU", &["C"]),
    ("OHM", &["Ohm", "ohm", "Ω"]),
    ("E45", &["mOhm", "mΩ"]),
    ("B94", &["uOhm", "µΩ"]),
    ("B49", &["kOhm", "kΩ"]),
    ("B75", &["MOhm", "MΩ"]),
    ("SIE", &["S"]),
    ("C27", &["mS"]),
    ("B99", &["uS", "µS"]),
    ("D10", &["S/m"]),
    ("H61", &["mS/cm"]),
    ("G42", &["uS/cm", "µS/cm"]),
    ("HTZ", &["Hz"]),
    ("KHZ", &["kHz"]),
    ("MHZ", &["MHz"]),
    ("WTT", &["W"]),
    ("C31", &["mW"]),
    ("KWT", &["kW"]),
    ("MAW", &["MW"]),
    ("A90", &["GW"]),
    ("D46", &["V.A", "VA", "V·A"]),
    ("KVA", &["kV.A", "kVA", "kV·A"]),
    ("MVA", &["MV.A", "MVA", "MV·A"]),
    ("D44", &["var"]),
    ("KVR", &["kvar", "kVar"]),
    ("MAR", &["Mvar", "MVar"]),
    ("WHR", &["W.h", "Wh", "W·h"]),
    ("KWH", &["kW.h", "kWh", "kW·h"]),
    ("MWH", &["MW.h", "MWh", "MW·h"]),
    ("GWH", &["GW.h", "GWh", "GW·h"]),
    ("K3", &["kvar.h", "kvarh", "kvar·h"]),
    ("MAH", &["Mvar.h", "Mvarh", "Mvar·h"]),
    ("C79", &["kV.A.h", "kVAh"]),
    ("D54", &["W/m2", "W/m²"]),
    ("E46", &["kW.h/m3", "kWh/m3", "kWh/m³"]),
    ("D33", &["T"]),
    ("C29", &["mT"]),
    // Temperature and heat
    ("CEL", &["Cel", "degC", "°C", "℃"]),
    ("FAH", &["[degF]", "degF", "°F", "℉"]),
    ("KEL", &["K"]),
    ("H12", &["Cel/h", "degC/h", "°C/h", "℃/h"]),
    ("H13", &["Cel/min", "degC/min", "°C/min", "℃/min"]),
    ("H14", &["Cel/s", "degC/s", "°C/s", "℃/s"]),
    ("JOU", &["J"]),
    ("KJO", &["kJ"]),
    ("3B", &["MJ"]),
    ("GV", &["GJ"]),
    ("B42", &["kJ/kg"]),
    ("D55", &["W/(m2.K)", "W/(m²·K)"]),
    // Pressure
    ("PAL", &["Pa"]),
    ("A97", &["hPa"]),
    ("KPA", &["kPa"]),
    ("MPA", &["MPa"]),
    ("BAR", &["bar"]),
    ("MBR", &["mbar"]),
    ("ATM", &["atm"]),
    ("UA", &["Torr"]),
    ("PS", &["[psi]", "psi"]),
    ("E42", &["kgf/cm2", "kgf/cm²"]),
    ("N23", &["m[H2O]", "mH2O"]),
    // Length, area, volume
    ("MTR", &["m"]),
    ("DMT", &["dm"]),
    ("CMT", &["cm"]),
    ("MMT", &["mm"]),
    ("4H", &["um", "µm"]),
    ("C45", &["nm"]),
    ("KMT", &["km"]),
    ("INH", &["[in_i]", "in"]),
    ("MTK", &["m2", "m²"]),
    ("CMK", &["cm2", "cm²"]),
    ("MMK", &["mm2", "mm²"]),
    ("MTQ", &["m3", "m³"]),
    ("DMQ", &["dm3", "dm³"]),
    ("CMQ", &["cm3", "cm³"]),
    ("LTR", &["L", "l"]),
    ("MLT", &["mL", "ml"]),
    ("NM3", &["Nm3", "Nm³"]),
    // Flow
    ("MQH", &["m3/h", "m³/h"]),
    ("MQS", &["m3/s", "m³/s"]),
    ("L2", &["L/min", "l/min"]),
    ("E32", &["L/h", "l/h"]),
    ("G51", &["L/s", "l/s"]),
    ("41", &["mL/min", "ml/min"]),
    ("Q40", &["Nm3/h", "Nm³/h"]),
    ("Q39", &["Nm3/d", "Nm³/d"]),
    ("E93", &["kg/h"]),
    ("F31", &["kg/min"]),
    ("KGS", &["kg/s"]),
    ("F30", &["kg/d"]),
    ("E18", &["t/h"]),
    ("M89", &["t/a"]),
    ("F29", &["g/s"]),
    ("F28", &["g/min"]),
    // Speed, rotation, vibration
    ("MTS", &["m/s"]),
    ("2X", &["m/min"]),
    ("M60", &["m/h"]),
    ("KMH", &["km/h"]),
    ("C16", &["mm/s"]),
    ("2M", &["cm/s"]),
    ("MSK", &["m/s2", "m/s²"]),
    ("M41", &["mm/s2", "mm/s²"]),
    ("RPM", &["{rev}/min", "r/min", "rpm"]),
    ("RPS", &["{rev}/s", "r/s"]),
    ("2A", &["rad/s"]),
    ("C81", &["rad"]),
    ("DD", &["deg", "°"]),
    // Mass, density, concentration
    ("TNE", &["t"]),
    ("KGM", &["kg"]),
    ("GRM", &["g"]),
    ("MGM", &["mg"]),
    ("MC", &["ug", "µg"]),
    ("KMQ", &["kg/m3", "kg/m³"]),
    ("D41", &["t/m3", "t/m³"]),
    ("23", &["g/cm3", "g/cm³"]),
    ("GL", &["g/L", "g/l"]),
    ("M1", &["mg/L", "mg/l"]),
    ("A93", &["g/m3", "g/m³"]),
    ("GP", &["mg/m3", "mg/m³"]),
    ("NA", &["mg/kg"]),
    ("C34", &["mol"]),
    ("C38", &["mol/L", "mol/l"]),
    ("M33", &["mmol/L", "mmol/l"]),
    // Force, torque, viscosity
    ("NEW", &["N"]),
    ("B47", &["kN"]),
    ("B73", &["MN"]),
    ("NU", &["N.m", "Nm", "N·m"]),
    ("B48", &["kN.m", "kNm", "kN·m"]),
    ("C56", &["N/mm2", "N/mm²"]),
    ("C65", &["Pa.s", "Pa·s"]),
    ("C24", &["mPa.s", "mPa·s"]),
    ("C7", &["cP"]),
    // Time and light
    ("SEC", &["s"]),
    ("C26", &["ms"]),
    ("B98", &["us", "µs"]),
    ("MIN", &["min"]),
    ("HUR", &["h"]),
    ("DAY", &["d"]),
    ("LUX", &["lx"]),
];

/// Units written out, and how a unit is written here.
const WORDS: [(&str, &str); 20] = [
    ("celsius", "degC"),
    ("degree", "deg"),
    ("degrees", "deg"),
    ("kelvin", "K"),
    ("percent", "%"),
    ("volt", "V"),
    ("volts", "V"),
    ("ampere", "A"),
    ("amps", "A"),
    ("watt", "W"),
    ("watts", "W"),
    ("hertz", "Hz"),
    ("second", "s"),
    ("seconds", "s"),
    ("sec", "s"),
    ("minutes", "min"),
    ("hours", "h"),
    ("tons", "t"),
    ("meter", "m"),
    ("metres", "m"),
];

/// The code of a unit; empty when there is none.
pub(crate) fn code(unit: &str) -> &'static str {
    // The Greek letter mu (U+03BC) and the micro sign (U+00B5) look the same.
    let folded = unit.replace('\u{3bc}', "\u{b5}");
    let found = UNITS.iter().find(|(_, spellings)| spellings.contains(&folded.as_str()));
    found.map_or("", |(code, _)| code)
}

/// The code of a unit; a finding when it looks like a misspelt one.
pub(crate) fn check(log: &Log, unit: &str, place: Place) -> &'static str {
    let code = code(unit);
    if code.is_empty() {
        // Case carries meaning (mW and MW), so only a unit that differs in
        // nothing but case is taken for a misspelling.
        let near = UNITS
            .iter()
            .flat_map(|(_, spellings)| spellings.iter())
            .find(|spelling| spelling.to_lowercase() == unit.trim().to_lowercase());
        let word = || WORDS.iter().find(|(word, _)| unit.trim().eq_ignore_ascii_case(word));
        if let Some(near) = near.or_else(|| Some(&word()?.1)) {
            let finding = Finding::new(&texts::UNIT_MISSPELT, place).with("unit", unit);
            log.report(finding.with("near", *near).help(phrase::DID_YOU_MEAN));
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::{UNITS, WORDS, code};
    use std::collections::HashSet;

    #[test]
    fn spellings_of_a_plant_give_their_code() {
        for (unit, expected) in [
            ("kA", "B22"),
            ("degC", "CEL"),
            ("℃", "CEL"),
            ("m³/h", "MQH"),
            ("r/min", "RPM"),
            ("μS/cm", "G42"),
            ("kW", "KWT"),
            ("Nm3/h", "Q40"),
            ("kg/t", ""),
        ] {
            assert_eq!(code(unit), expected, "{unit}");
        }
    }

    #[test]
    fn units_written_out_are_meant_as_units_that_have_a_code() {
        for (word, unit) in WORDS {
            assert!(code(word).is_empty() && !code(unit).is_empty(), "{word}");
        }
    }

    #[test]
    fn no_spelling_and_no_code_is_listed_twice() {
        let mut seen = HashSet::new();
        for (code, _) in UNITS {
            assert!(seen.insert(*code), "{code}");
            assert!((2..=3).contains(&code.len()), "{code}");
        }
        let mut seen = HashSet::new();
        for spelling in UNITS.iter().flat_map(|(_, spellings)| spellings.iter()) {
            assert!(seen.insert(*spelling), "{spelling}");
        }
    }
}

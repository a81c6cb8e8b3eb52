//! `shardedmemory config`: the settings of a node, and where they come from.

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::serve::{Kind, Origin, ServeArgs, Setting, SettingsFile};
use clap::{ArgMatches, Args, Subcommand};
use comfy_table::{Table, presets};
use serde_json::{Map, Value, json};

/// Show the settings of a node
#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

// Each command's arguments carry what is told of it.
#[derive(Subcommand, Debug)]
pub(crate) enum ConfigCommand {
    Print(Box<PrintArgs>),
}

/// Print each setting, its value, and where it came from
///
/// Takes the flags of 'serve', and starts nothing: it shows what a node that is started with them,
/// here and now, would be told. Exits with 2 if no node could work with these settings.
#[derive(Args, Debug)]
pub(crate) struct PrintArgs {
    #[command(flatten)]
    serve: ServeArgs,

    /// Print one JSON object instead
    #[arg(long, help_heading = "Output", conflicts_with = "toml")]
    json: bool,

    /// Print a settings file, for 'serve --config FILE', instead
    #[arg(long, help_heading = "Output")]
    toml: bool,
}

/// Prints the settings.
///
/// # Errors
/// If they are wrong; then they are printed nevertheless.
pub(crate) fn print(
    arguments: &PrintArgs,
    matches: &ArgMatches,
    file: Option<&SettingsFile>,
) -> Result<(), Failure> {
    let lines: Vec<Line> = Setting::all()
        .iter()
        .map(|setting| Line {
            setting,
            values: values(setting, matches),
            derived: arguments.serve.derived(setting.key()),
            origin: Origin::of(setting, matches, file),
        })
        .collect();
    output::line(&match (arguments.json, arguments.toml) {
        (true, _) => to_json(&lines),
        (_, true) => to_toml(&lines),
        _ => to_table(&lines),
    });
    arguments.serve.checked_settings().map(drop)
}

/// A setting as it is in force.
struct Line {
    setting: &'static Setting,
    /// What it was given, or its constant default.
    values: Vec<String>,
    /// What it is by default, if that depends on others.
    derived: Option<Vec<String>>,
    origin: Origin,
}

/// What stands in the place of a secret.
const NOT_SHOWN: &str = "(not shown)";

/// What a setting was given, in one spelling, or its constant default.
fn values(setting: &Setting, matches: &ArgMatches) -> Vec<String> {
    let raw = matches.get_raw(setting.key()).into_iter().flatten();
    if setting.is_secret() {
        return raw.map(|_| NOT_SHOWN.to_owned()).collect();
    }
    let texts = raw.map(|value| value.to_string_lossy().into_owned());
    match setting.kind() {
        Kind::Switch => {
            let on = matches.get_one::<bool>(setting.key());
            on.map(bool::to_string).into_iter().collect()
        }
        // The environment has room for '+5' and '005'.
        Kind::Number => texts
            .map(|text| {
                text.parse::<u64>()
                    .map_or(text, |number| number.to_string())
            })
            .collect(),
        Kind::Text | Kind::List => texts.collect(),
    }
}

impl Line {
    /// The values in force.
    fn values(&self) -> &[String] {
        match &self.derived {
            Some(derived) if self.values.is_empty() => derived,
            _ => &self.values,
        }
    }

    fn json_value(&self) -> Value {
        let mut items = self.values().iter().map(|value| match self.setting.kind() {
            Kind::Switch => Value::Bool(value == "true"),
            Kind::Number => value
                .parse::<u64>()
                .map_or(value.as_str().into(), Value::from),
            Kind::Text | Kind::List => value.as_str().into(),
        });
        match self.setting.kind() {
            Kind::List => items.collect(),
            _ => items.next().unwrap_or(Value::Null),
        }
    }

    fn toml_value(&self) -> Option<String> {
        let text = |value: &String| toml::Value::String(value.clone()).to_string();
        match self.setting.kind() {
            Kind::List => {
                let items: Vec<String> = self.values().iter().map(text).collect();
                Some(format!("[{}]", items.join(", ")))
            }
            Kind::Text => self.values().first().map(text),
            Kind::Switch | Kind::Number => self.values().first().cloned(),
        }
    }
}

fn to_table(lines: &[Line]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["SETTING", "VALUE", "FROM"]);
    for line in lines {
        let value = match line.values() {
            [] => "-".to_owned(),
            values => values.join(","),
        };
        table.add_row([
            line.setting.key().to_owned(),
            value,
            line.origin.to_string(),
        ]);
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table.trim_fmt()
}

fn to_json(lines: &[Line]) -> String {
    let settings: Map<String, Value> = lines
        .iter()
        .map(|line| {
            let value = json!({ "value": line.json_value(), "from": line.origin.to_string() });
            (line.setting.key().to_owned(), value)
        })
        .collect();
    Value::Object(settings).to_string()
}

/// A file by which a node gets these very settings. What nobody gave stands in a comment, and so
/// does a secret, which is not shown.
fn to_toml(lines: &[Line]) -> String {
    let mut text = String::from("# Settings of a node, for 'shardedmemory serve --config FILE'.");
    let mut heading = "";
    for line in lines {
        if line.setting.heading() != heading {
            heading = line.setting.heading();
            text.push_str(&format!("\n\n# {heading}"));
        }
        let key = line.setting.key();
        text.push_str(&format!("\n\n# {}\n", line.setting.help()));
        let value = line.toml_value().unwrap_or_default();
        let comment = match line.origin {
            Origin::Default => "# ",
            _ if line.setting.is_secret() => "# ",
            _ => "",
        };
        text.push_str(&format!("{comment}{key} = {value}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};

    /// What is printed for this line of flags and this file.
    fn lines(flags: &str, file: Option<&SettingsFile>) -> Vec<Line> {
        let mut command = ServeArgs::augment_args(Command::new("serve").no_binary_name(true));
        if let Some(file) = file {
            command = file.as_defaults(command);
        }
        let matches = command
            .try_get_matches_from(flags.split_whitespace())
            .unwrap();
        let arguments = ServeArgs::from_arg_matches(&matches).unwrap();
        let line = |setting: &'static Setting| Line {
            setting,
            values: values(setting, &matches),
            derived: arguments.derived(setting.key()),
            origin: Origin::of(setting, &matches, file),
        };
        Setting::all().iter().map(line).collect()
    }

    fn file(text: &str) -> SettingsFile {
        let name = format!("config-print-{}.toml", rand::random::<u64>());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        let file = SettingsFile::read(&path);
        std::fs::remove_file(&path).unwrap();
        file.unwrap()
    }

    #[test]
    fn the_flag_wins_over_the_file_and_the_file_over_the_default() {
        let file = file("listen = ['127.0.0.1:1']\nping_interval_ms = 700\ninsecure = true\n");
        let lines = lines("--ping-interval-ms 600 --insecure=false", Some(&file));
        let json: Value = serde_json::from_str(&to_json(&lines)).unwrap();
        assert_eq!(
            json["ping_interval_ms"],
            json!({ "value": 600, "from": "flag --ping-interval-ms" })
        );
        assert_eq!(json["insecure"]["value"], json!(false));
        assert_eq!(json["listen"]["value"], json!(["127.0.0.1:1"]));
        let from = json["listen"]["from"].as_str().unwrap();
        assert!(from.ends_with(".toml:1"), "{from}");
        assert_eq!(json["log"], json!({ "value": "info", "from": "default" }));
    }

    #[test]
    fn what_nobody_gave_is_shown_as_the_node_takes_it() {
        let lines = lines("--listen 127.0.0.1:7", None);
        let table = to_table(&lines);
        let row = |key: &str| {
            let mut rows = table
                .lines()
                .map(|row| row.split_whitespace().collect::<Vec<_>>());
            rows.find(|row| row[0] == key).unwrap()
        };
        assert_eq!(row("advertise"), ["advertise", "127.0.0.1:7", "default"]);
        assert_eq!(row("peers"), ["peers", "127.0.0.1:7", "default"]);
        assert_eq!(row("join"), ["join", "-", "default"]);
        assert_eq!(row("listen"), ["listen", "127.0.0.1:7", "flag", "--listen"]);
        assert!(row("lanes")[1].parse::<usize>().unwrap() >= 1);
    }

    #[test]
    fn a_password_is_never_shown() {
        let password = "correct-horse-battery";
        let from_flag = format!("--password {password}");
        let file = file(&format!("password = '{password}'\n"));
        for lines in [lines(&from_flag, None), lines("", Some(&file))] {
            let printed = [to_table(&lines), to_json(&lines), to_toml(&lines)];
            for text in printed {
                assert!(!text.contains(password), "{text}");
            }
            let json: Value = serde_json::from_str(&to_json(&lines)).unwrap();
            assert_eq!(json["password"]["value"], "(not shown)");
            let toml = to_toml(&lines);
            assert!(toml.contains("\n# password = \"(not shown)\""), "{toml}");
        }
        let file = lines("--password-file secret.txt", None);
        assert!(to_toml(&file).contains("\npassword_file = \"secret.txt\""));
    }

    #[test]
    fn a_printed_file_gives_the_same_settings_again() {
        let flags = "--listen 127.0.0.1:7 --peers a:1,b:1 --insecure --log info,x=debug --lanes 3";
        let (before, text) = (to_json(&lines(flags, None)), to_toml(&lines(flags, None)));
        let file = file(&text);
        let after = lines("", Some(&file));
        let given = after
            .iter()
            .filter(|line| matches!(line.origin, Origin::File(_)));
        let given: Vec<&str> = given.map(|line| line.setting.key()).collect();
        assert_eq!(given, ["listen", "peers", "insecure", "lanes", "log"]);
        let values = |json: &str| -> Vec<Value> {
            let json: Map<String, Value> = serde_json::from_str(json).unwrap();
            json.values().map(|line| line["value"].clone()).collect()
        };
        assert_eq!(values(&to_json(&after)), values(&before));
        assert!(text.contains("# advertise = \"127.0.0.1:7\""), "{text}");
    }
}

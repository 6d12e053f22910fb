//! Crontab expressions in words.

use croner::Cron;

const DAYS: [&str; 8] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The shapes that most schedules have are put into plain words here; all others croner describes.
pub(super) fn describe(pattern: &str, cron: &Cron) -> String {
    let fields: Vec<&str> = pattern.split_whitespace().collect();
    common(&fields).unwrap_or_else(|| {
        let text = cron.describe();
        let text = text.trim_end_matches('.');
        let text = text.strip_prefix("At every ").map_or_else(|| text.to_owned(), |rest| format!("every {rest}"));
        let mut chars = text.chars();
        chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
    })
}

fn common(fields: &[&str]) -> Option<String> {
    let [minute, hour, day, month, weekday] = *fields else { return None };
    let at = || {
        let minute = number(minute, 59)?;
        let times = hour.split(',').map(|hour| Some(format!("{:02}:{minute:02}", number(hour, 23)?)));
        let times: Vec<String> = times.collect::<Option<_>>()?;
        match times.split_last()? {
            (last, []) => Some(format!("at {last}")),
            (last, others) => Some(format!("at {} and {last}", others.join(", "))),
        }
    };
    match (minute, hour, day, month, weekday) {
        ("*", "*", "*", "*", "*") => Some("every minute".to_owned()),
        ("0", "*", "*", "*", "*") => Some("every hour".to_owned()),
        (step, "*", "*", "*", "*") if step.starts_with("*/") => {
            // Only steps that divide the hour have the same distance all along.
            let step = number(step.strip_prefix("*/")?, 59).filter(|step| *step > 1 && 60 % step == 0)?;
            Some(format!("every {step} minutes"))
        }
        (_, "*", "*", "*", "*") => Some(format!("every hour at minute {}", number(minute, 59)?)),
        ("0", step, "*", "*", "*") if step.starts_with("*/") => {
            let step = number(step.strip_prefix("*/")?, 23).filter(|step| *step > 1 && 24 % step == 0)?;
            Some(format!("every {step} hours"))
        }
        (_, _, "*", "*", "*") => Some(format!("every day {}", at()?)),
        (_, _, "*", "*", "1-5" | "MON-FRI" | "mon-fri") => Some(format!("Monday to Friday {}", at()?)),
        (_, _, "*", "*", _) => Some(format!("every {} {}", DAYS.get(number(weekday, 7)?)?, at()?)),
        (_, _, "L", "*", "*") => Some(format!("on the last day of every month {}", at()?)),
        (_, _, _, "*", "*") => Some(format!("on day {} of every month {}", number(day, 31)?, at()?)),
        _ => None,
    }
}

fn number(text: &str, max: usize) -> Option<usize> {
    text.parse().ok().filter(|number| *number <= max)
}

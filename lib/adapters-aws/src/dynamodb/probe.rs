//! What a table of a DynamoDB API says about itself, and how it is made.

use super::DynamoTable;
use super::item::{self, PARTITION, SORT};
use crate::failure::{Failure, Kind, back_off};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoveryStatus, ScalarAttributeType,
    TableDescription, TableStatus,
};
use domain::time::Timestamp;
use ports::{Finding, Key, Probe};

/// The parts of the key, as they are declared.
const KEY: [(&str, KeyType); 2] = [(PARTITION, KeyType::Hash), (SORT, KeyType::Range)];
/// How often a new table is looked at before it is given up; about two minutes.
const LOOKS: u32 = 60;

impl DynamoTable {
    /// Makes the table where it is not there, billed by request, and waits until it can be used.
    ///
    /// # Errors
    /// Why not, in one line that names the setting.
    pub async fn create(&self) -> Result<(), String> {
        let request = self.client.create_table().table_name(&self.name).billing_mode(BillingMode::PayPerRequest);
        let request = KEY.into_iter().fold(request, |request, (name, part)| {
            let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
            let element = KeySchemaElement::builder().attribute_name(name).key_type(part);
            request
                .attribute_definitions(attribute.build().expect("name and type are set"))
                .key_schema(element.build().expect("name and type are set"))
        });
        if let Err(error) = request.send().await {
            let failure = self.failure(&error);
            if failure.code != "ResourceInUseException" {
                return Err(failure.text);
            }
        }
        for look in 1..=LOOKS {
            match self.describe().await {
                Ok(table) if table.table_status == Some(TableStatus::Active) => return Ok(()),
                // It is not there for everybody at once.
                Ok(_) | Err(Failure { kind: Kind::Busy | Kind::Missing, .. }) => back_off(look).await,
                Err(failure) => return Err(failure.text),
            }
        }
        let (setting, name, service) = (self.place.setting, &self.name, self.place.service());
        Err(format!("{setting}: the table `{name}` {service} is made, but not yet ready; try again in a minute"))
    }

    async fn describe(&self) -> Result<TableDescription, Failure> {
        let answer = self.client.describe_table().table_name(&self.name).send().await;
        Ok(answer.map_err(|error| self.failure(&error))?.table.unwrap_or_else(|| TableDescription::builder().build()))
    }

    async fn recovery(&self) -> Finding {
        const CHECK: &str = "point-in-time recovery";
        const MEND: &str = "switch it on, or back the table up in another way";
        let answer = self.client.describe_continuous_backups().table_name(&self.name).send().await;
        let status = match answer {
            Ok(answer) => answer
                .continuous_backups_description
                .and_then(|backups| backups.point_in_time_recovery_description)
                .and_then(|recovery| recovery.point_in_time_recovery_status),
            Err(error) => return not_looked_at(CHECK, &self.failure(&error)),
        };
        match status {
            Some(PointInTimeRecoveryStatus::Enabled) => Finding::good(CHECK, "it is on"),
            _ => Finding::lacks(CHECK, "it is off: what is deleted by mistake is gone", MEND),
        }
    }
}

fn not_looked_at(check: &'static str, failure: &Failure) -> Finding {
    Finding::lacks(check, format!("not looked at: {failure}"), "")
}

/// Whether the key is the one that rows are found by.
fn key_of(table: &TableDescription) -> Finding {
    const CHECK: &str = "key of the table";
    let mut declared: Vec<(String, KeyType)> =
        table.key_schema().iter().map(|part| (part.attribute_name.clone(), part.key_type.clone())).collect();
    declared.sort_by_key(|(_, part)| *part != KeyType::Hash);
    let is_text = |name: &str| {
        let mut attributes = table.attribute_definitions().iter();
        attributes.any(|a| a.attribute_name == name && a.attribute_type == ScalarAttributeType::S)
    };
    let wanted = KEY.map(|(name, part)| (name.to_owned(), part));
    if declared == wanted && KEY.iter().all(|(name, _)| is_text(name)) {
        Finding::good(CHECK, format!("`{PARTITION}` and `{SORT}`, both text"))
    } else {
        let names: Vec<String> = declared.into_iter().map(|(name, part)| format!("{name} {part}")).collect();
        Finding::unfit(
            CHECK,
            format!("it is ({}), not text `{PARTITION}` (HASH) and text `{SORT}` (RANGE)", names.join(", ")),
            "a key cannot be changed: name another table, and make it with `dezky migrate`",
        )
    }
}

fn billing(table: &TableDescription) -> Finding {
    const CHECK: &str = "billing";
    match table.billing_mode_summary().and_then(|summary| summary.billing_mode()) {
        Some(BillingMode::PayPerRequest) => Finding::good(CHECK, "by request"),
        _ => Finding::lacks(
            CHECK,
            "by provisioned capacity, or not said: beyond the capacity it is busy",
            "on-demand billing (PAY_PER_REQUEST) has no such limit",
        ),
    }
}

fn protection(table: &TableDescription) -> Finding {
    const CHECK: &str = "deletion protection";
    match table.deletion_protection_enabled() {
        Some(true) => Finding::good(CHECK, "it is on"),
        _ => Finding::lacks(CHECK, "it is off: one call deletes the log", "switch it on"),
    }
}

#[async_trait]
impl Probe for DynamoTable {
    async fn findings(&self) -> Vec<Finding> {
        const CHECK: &str = "table";
        let table = match self.describe().await {
            Ok(table) => table,
            // Whoever only reads and writes may not look at it, and need not.
            Err(failure) if failure.code.starts_with("AccessDenied") => return vec![not_looked_at(CHECK, &failure)],
            Err(failure) => return vec![Finding::unfit(CHECK, failure.text, "")],
        };
        let (name, service) = (&self.name, self.place.service());
        let status = table.table_status().map_or("not said", TableStatus::as_str);
        let seen = format!("`{name}` {service} is {status}");
        let there = match table.table_status() {
            Some(TableStatus::Active | TableStatus::Updating) => Finding::good(CHECK, seen),
            _ => Finding::unfit(CHECK, seen, "wait until it is ACTIVE"),
        };
        vec![there, key_of(&table), billing(&table), protection(&table), self.recovery().await]
    }

    async fn time(&self) -> Result<Option<Timestamp>, String> {
        // Any answer will do, and everybody who uses the table may read a row.
        let key = item::key(&Key::new("_probe", "time"));
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key));
        self.time.of(async { request.send().await.map_err(|error| self.failure(&error)) }).await
    }
}

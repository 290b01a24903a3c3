"""Invalid contracts of every part of the standard beyond the basics: the line, the bad value, the valid ones."""

# ruff: noqa: E501 - one edit, one line

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.load import problems_of

FULL = Path(__file__).with_name("full.odcs.yaml").read_text("utf-8")

SQL = "        query: |\n          SELECT count(*)\n          FROM ${object}\n          WHERE title ILIKE '%draft%'\n"
PAIR = "              type: expect_compound_columns_to_be_unique\n              kwargs: {column_list: [title, uri]}"
RELATION = "        from: document.metadata.supersedes\n        to: document.doc_id\n"
DRIFT = "          column: language\n          threshold: {mustBeLessThan: 0.25}"
ROWS = "      - metric: rowCount\n        mustBeBetween: [1, 100000]\n"
CHUNKS = "      - type: text\n        description: A chunk never cuts a table in two.\n"
RULE = "implementation: {rule: hidden_text, onFail: quarantine}"


def sql(query: str) -> str:
    return f"        query: {query}\n"


def gx(name: str, kwargs: str) -> str:
    return f"              type: {name}\n              kwargs: {kwargs}"


# What is replaced, with what, the text whose line the problem must be on, and phrases of the message.
INVALID = [
    # logicalTypeOptions
    ("format: uri", "format: url", "format: url", ("does not run the format 'url'", "'uri'", "byte, email, hostname, ipv4, ipv6, uri, uuid")),
    ("format: uri", "format: password", "format: password", ("does not run the format 'password'", "pattern")),
    ("          minimum: 1\n", "          minimum: 6000000\n", "        logicalTypeOptions:\n          minimum: 6000000", ("least value 6000000 is more than the greatest 5000000",)),
    ("          minimum: 1\n", "          minimum: 1\n          exclusiveMinimum: 0\n", "exclusiveMinimum: 0\n          max", ("`exclusiveMinimum` and `minimum` say the same end",)),
    ("          multipleOf: 1\n", "          multipleOf: 0\n", "multipleOf: 0", ("more than 0",)),
    ("          multipleOf: 1\n", "          multipelOf: 2\n", "multipelOf", ("unknown key `multipelOf`", "'multipleOf'")),
    ("format: u32", "format: u23", "format: u23", ("'u23'", "'u32'")),
    ("          exclusiveMinimum: 0\n          maximum: 1", "          exclusiveMinimum: 1\n          maximum: 1", "        logicalTypeOptions:\n          exclusiveMinimum: 1", ("no value lies between 1 and 1",)),
    ('minimum: "2001-01-01"', 'minimum: "yesterday"', "yesterday", ("must be a date or a time such as 2026-01-31", "'yesterday'")),
    ('minimum: "2001-01-01"', 'minimum: "2100-01-01"', '        logicalTypeOptions:\n          minimum: "2100', ("is more than the greatest",)),
    ("          timezone: true\n", "          timezone: false\n", "timezone: false", ("every moment is stored in UTC", "Write true")),
    ("defaultTimezone: Etc/UTC", "defaultTimezone: Europe/Paris", "Europe/Paris", ("'Europe/Paris' is not run by this build", "UTC")),
    ("          timezone: true\n", "          timezone: true\n          format: yyyy-MM-dd\n", "          format: yyyy-MM-dd\n          default", ("not as text: it has no `format`",)),
    ("format: yyyy-MM-dd", "format: yyyy-MM-ddd", "format: yyyy-MM-ddd", ("'yyyy-MM-ddd' is not a date format", "'ddd' is not one of")),
    ("format: yyyy-MM-dd", "format: \"yyyy'\"", "yyyy'", ("a quote is not closed",)),
    ('minimum: "2020-01-01"', 'minimum: "01.01.2020"', "01.01.2020", ("a date in the format yyyy-MM-dd", "'01.01.2020'")),
    ("maxItems: 500", "maxItems: 500\n          minItems: 501", "minItems: 501", ("`minItems: 501` is more than `maxItems: 500`",)),
    ("uniqueItems: true", "uniqItems: true", "uniqItems", ("unknown key `uniqItems`", "'uniqueItems'")),
    ("maxProperties: 200", "maxProperties: 200\n          minProperties: 300", "minProperties: 300", ("is more than `maxProperties: 200`",)),
    ("items: {logicalType: object}", "items: {logicalType: string}", "items: {logicalType: string}\n        logicalTypeOptions:\n          maxItems", ("entries of `findings` are of logicalType object, not 'string'",)),
    ("items: {logicalType: object}", "items: {logicalType: object, required: true}", "required: true}", ("does not run `required` of the entries of `findings`",)),
    ("      - name: title\n        logicalType: string", "      - name: title\n        logicalType: array", "logicalType: array\n        quality", ("`title` is of logicalType string, not 'array'",)),
    ("      - name: findings\n        logicalType: array", "      - name: findings\n        logicalType: map\n        map: {key: {logicalType: string}, value: {logicalType: string}}", "logicalType: map", ("is of logicalType string or array",)),
    ("      - name: title\n", "      - name: title\n        partitioned: true\n", "partitioned: true", ("documents are not partitioned",)),
    ("      - name: title\n", "      - name: title\n        semanticType: measure\n", "semanticType: measure", ("calculated from many rows", "type sql")),
    ("      - name: title\n", "      - name: title\n        encryptedName: title_enc\n", "encryptedName", ("no column is stored encrypted",)),
    ("      - name: size_bytes\n", "      - name: size_bytes\n        enum: [{value: many}]\n", "value: many", ("'many' can never stand here: the column holds numbers",)),
    ("      - name: title\n", "      - name: title\n        enum: [{value: 7}]\n", "value: 7", ("7 can never stand here: the column holds text", "Quote it")),
    # classification and sensitivity
    ("classification: internal", "classification: interal", "interal", ("unknown classification 'interal'", "'internal'", "public, internal, confidential, restricted")),
    ("classification: internal", "classification: public", "classification: public", ("classified public", "more secret label 'internal' is allowed")),
    ("allowed: [public, internal]", "allowed: [public, restricted]", "classification: internal", ("'restricted' is allowed",)),
    ("sensitivity_label: internal}", "sensitivity_label: confidential}", "classification: internal", ("'confidential' is the default of ragGovernance",)),
    # origin
    ("detectors: [green-list]", "detectors: [residue]", "[residue]", ("'residue' is always asked", "another package")),
    ("detectors: [green-list]", "detectors: [Green List]", "[Green List]", ("'Green List' is no name of a detector", "Lower-case")),
    ("detectors: [green-list]", "detectors: [a, a]", "[a, a]", ("'a' is listed twice",)),
    ("detectors: [green-list]", "detector: [green-list]", "detector:", ("unknown key `detector`", "'detectors'")),
    ("statistical: {model: house-2026}", "statistical: {model: ../x}", "model: ../x", ("'../x' is no name of a model", "`stemma origin train`")),
    ("statistical: {model: house-2026}", "statistical: {}", "statistical: {}", ("is no name of a model",)),
    ("statistical: {model: house-2026}", "statistical: {model: x, alpha: 0.01}", "alpha: 0.01", ("unknown key `alpha`", "model")),
    # primary key
    ("primaryKeyPosition: 1", "primaryKeyPosition: 2", "primaryKeyPosition: 2", ("out of range: the key has 1 columns", "1 to 1")),
    ("      - name: uri\n        logicalType: string\n", "      - name: uri\n        logicalType: string\n        primaryKey: true\n        primaryKeyPosition: 1\n", "primaryKeyPosition: 1\n        unique", ("`doc_id` has the position 1 already",)),
    ("      - name: uri\n        logicalType: string\n", "      - name: uri\n        logicalType: string\n        primaryKeyPosition: 1\n", "primaryKeyPosition: 1\n        unique", ("`primaryKeyPosition` without `primaryKey: true`",)),
    ("      - name: doc_id\n        logicalType: string\n        required: true\n        relationships", "      - name: doc_id\n        logicalType: string\n        primaryKey: true\n        required: true\n        relationships", "        primaryKey: true\n        required: true\n        relationships", ("the key of a chunk is not chunk_id, doc_id",)),
    # relationships
    (RELATION, RELATION.replace("to: document.doc_id", "to: document.docid"), "to: document.docid", ("document has no property 'docid'", "'doc_id'")),
    (RELATION, RELATION.replace("to: document.doc_id", "to: documents.doc_id"), "to: documents.doc_id", ("unknown object 'documents'", "'document'")),
    (RELATION, RELATION.replace("to: document.doc_id", "to: document.language"), "to: document.language", ("document has no property 'language' in this contract", "Add `- name: language`")),
    (RELATION, RELATION.replace("to: document.doc_id", "to: document.title"), "to: document.title", ("title is not unique", "doc_id, revision_id")),
    (RELATION, RELATION.replace("to: document.doc_id", "to: document.size_bytes"), "to: document.size_bytes", ("`metadata.supersedes` is a string and `size_bytes` a integer",)),
    (RELATION, RELATION.replace("to: document.doc_id", "to: chunk.chunk_id"), "to: chunk.chunk_id", ("cannot refer to chunks", "Turn it round")),
    (RELATION, RELATION.replace("from: document.metadata.supersedes", "from: document.metadata"), "to: document.doc_id", ("`metadata` is a object",)),
    (RELATION, RELATION.replace("from: document.metadata.supersedes", "from: document.title.x"), "from: document.title.x", ("`title` holds plain values", "document.title")),
    (RELATION, RELATION.replace("from: document.metadata.supersedes", "from: chunk.doc_id"), "from: chunk.doc_id", ("stands in `document` and starts in `chunk`",)),
    (RELATION, RELATION.replace("        from: document.metadata.supersedes\n", ""), "- type: foreignKey", ("`from` is missing",)),
    (RELATION, RELATION.replace("to: document.doc_id", "to: [document.doc_id, document.uri]").replace("from: document.metadata.supersedes", "from: [document.title]"), "to: [document", ("1 columns cannot refer to 2",)),
    (RELATION, RELATION.replace("to: document.doc_id", "to: other.yaml#schema/doc/properties/doc_key"), "to: other.yaml", ("lies in another file",)),
    ("to: schema/doc/properties/doc_key", "to: schema/doc/properties/doc_kee", "doc_kee", ("no property of document has the id 'doc_kee'", "'doc_key'")),
    ("to: schema/doc/properties/doc_key", "to: schema/docs/properties/doc_key", "schema/docs", ("no object has the id 'docs'", "'doc'")),
    ("to: schema/doc/properties/doc_key", "to: schema/doc", "to: schema/doc\n", ("is not a property", "schema/<id>/properties/<id>")),
    ("to: schema/doc/properties/doc_key", "to: document.uri", "to: document.uri", ("does not run this relationship of chunks", "chunk.doc_id to document.doc_id")),
    ("      - type: foreignKey\n", "      - type: foreignkey\n", "foreignkey", ("'foreignkey'", "'foreignKey'")),
    ("            value: warn\n            vendor: stemma\n    context", "            value: quarantine\n            vendor: stemma\n    context", "value: quarantine", ("unknown onFail 'quarantine'", "Valid: block, warn")),
    ("          - property: onFail\n            value: warn\n            vendor: stemma\n    context", "          - property: onFial\n            value: warn\n            vendor: stemma\n    context", "onFial", ("unknown property 'onFial' of a relationship", "onFail")),
    # library
    ("mustBeBetween: [1, 100000]", "mustBeBetween: [100000, 1]", "[100000, 1]", ("smaller number first",)),
    ("mustBeBetween: [1, 100000]", "mustBe: many", "mustBe: many", ("`mustBe` needs a number, not 'many'",)),
    (ROWS, "      - metric: rowCount\n        rule: rowCount\n        mustBe: 1\n", "rule: rowCount", ("an older name", "`metric`")),
    (ROWS, ROWS + "        schedule: 0 2 * * *\n", "schedule: 0 2", ("does not run a `schedule` of one check",)),
    ("arguments: {properties: [title, uri]}", "arguments: {properties: [title, url]}", "[title, url]", ("unknown column 'url'", "'uri'")),
    ("arguments: {properties: [title, uri]}", "arguments: {columns: [title]}", "columns:", ("unknown argument `columns` of duplicateValues", "properties")),
    ("        unit: percent", "        unit: percents", "unit: percents", ("unknown unit 'percents'", "'percent'")),
    (ROWS, ROWS + "        customProperties: [{property: onFail, value: repair}]\n", "value: repair", ("cannot repair one document", "block or warn")),
    (ROWS, ROWS + "        customProperties: [{property: onfail, value: warn}]\n", "property: onfail", ("unknown property 'onfail' of a check", "'onFail'")),
    (ROWS, ROWS + "        customProperties: [{property: mode, value: warn, vendor: stemma}]\n", "property: mode", ("unknown property 'mode' of a check",)),
    (CHUNKS, "      - metric: rowCount\n        mustBeGreaterThan: 0\n", "- metric: rowCount\n        mustBeGreaterThan: 0\n", ("runs no checks on chunks", "object document")),
    ("          - metric: duplicateValues\n            mustBe: 0\n", "          - metric: invalidValues\n            arguments: {pattern: x}\n            mustBe: 0\n", "metric: invalidValues", ("runs no checks on chunks", "nullValues mustBe 0")),
    # text
    ("            description: Written so that a technician in the rain understands it.\n", "", "- type: text\n            name", ("says nothing", "description")),
    ("            description: Written so", "            customProperties: [{property: onFail, value: block}]\n            description: Written so", "customProperties: [{property: onFail", ("nobody runs a check of type `text`",)),
    # sql
    (SQL, sql("SELECT count(*) FROM documents"), "FROM documents", ("there is no table 'documents', only document",)),
    (SQL, sql("SELECT count(*) FROM ${object} WHERE titel = ''"), "titel", ('column "titel" not found',)),
    (SQL, sql("SELECT count(*) FROM ${object} WHERE"), "WHERE", ("syntax error",)),
    (SQL, sql("SELECT title FROM ${object}"), "SELECT title", ("does not give one row on a table without rows",)),
    (SQL, sql("SELECT max(title) FROM ${object}"), "max(title)", ("type VARCHAR, not a number",)),
    (SQL, sql("SELECT min(size_bytes), max(size_bytes) FROM ${object}"), "min(size", ("2 columns, not one number",)),
    (SQL, sql("DELETE FROM ${object}"), "DELETE", ("only SELECT is allowed",)),
    (SQL, sql("SELECT count(*) FROM ${object}; DROP TABLE document"), "DROP", ("only SELECT is allowed",)),
    (SQL, sql("SELECT count(*) FROM ${objekt}"), "objekt", ("unknown placeholder `${objekt}`", "'object'")),
    (SQL, sql("SELECT count(${property}) FROM ${object}"), "${property}) FROM", ("`${property}` has no meaning under the object document",)),
    (SQL, sql('""'), 'query: ""', ("`query` is empty",)),
    (SQL, "", "- name: few-drafts", ("`query` is missing",)),
    (SQL, sql("SELECT count(*) FROM ${object}, read_csv('/etc/passwd')"), "read_csv", ("table function read_csv is not allowed",)),
    (SQL, sql("SELECT random() FROM ${object}"), "random()", ("the function random is not allowed",)),
    ("        mustBeLessOrEqualTo: 3\n", "", "- name: few-drafts", ("no comparison operator",)),
    ("        mustBeLessOrEqualTo: 3\n", "        mustBeLessOrEqualTo: three\n", "three", ("must be a number, not 'three'",)),
    # engines
    ("engine: great-expectations", "engine: great_expectation", "engine: great_expectation", ("unknown engine 'great_expectation'", "'greatExpectations'")),
    ("engine: great-expectations", "engine: soda", "engine: soda", ("unknown engine 'soda'", "Valid: stemma, greatExpectations")),
    # Great Expectations
    (PAIR, gx("expect_compound_column_to_be_unique", "{column_list: [title, uri]}"), "expect_compound_column_to", ("unknown expectation", "'expect_compound_columns_to_be_unique'")),
    (PAIR, gx("expect_compound_columns_to_be_unique", "{column_list: [title, url]}"), "[title, url]", ("unknown column 'url'", "'uri'")),
    (PAIR, gx("expect_compound_columns_to_be_unique", "{column_list: [title]}"), "[title]", ("at least two different columns",)),
    (PAIR, gx("expect_compound_columns_to_be_unique", "{}"), "kwargs: {}", ("needs `column_list`",)),
    (PAIR, gx("expect_compound_columns_to_be_unique", "{column_list: [title, uri], column: title}"), "column: title", ("unknown key `column`",)),
    (PAIR, gx("expect_column_mean_to_be_between", "{column: title, min_value: 1}"), "column: title", ("needs numbers: `title` is a string", "size_bytes")),
    (PAIR, gx("expect_column_mean_to_be_between", "{column: size_bytes, min_value: 2, max_value: 1}"), "min_value: 2", ("min_value 2 is above max_value 1", "Swap them")),
    (PAIR, gx("expect_column_mean_to_be_between", "{column: size_bytes, min_value: one}"), "min_value: one", ("`min_value` must be a number, not 'one'",)),
    (PAIR, gx("expect_column_pair_values_a_to_be_greater_than_b", "{column_A: updated_at, colum_B: size_bytes}"), "colum_B", ("unknown key `colum_B`", "'column_B'")),
    (PAIR, gx("expect_column_pair_values_to_be_in_set", "{column_A: title, column_B: uri, value_pairs_set: [a, b]}"), "value_pairs_set", ("must be a list of pairs",)),
    (PAIR, gx("expect_column_values_to_match_like_pattern", "{column: title, like_pattern: x}"), "like_pattern", ("makes no sense on one batch", "regular expression")),
    (PAIR, gx("expect_table_columns_to_match_set", "{column_set: [title]}"), "expect_table_columns", ("makes no sense on one batch", "documents.parquet")),
    (PAIR, gx("expect_column_values_to_be_increasing", "{column: title}"), "increasing", ("Documents have no order",)),
    (PAIR, gx("expect_column_kl_divergence_to_be_less_than", "{column: title}"), "kl_divergence", ("rule drift",)),
    (PAIR, gx("expect_column_values_to_match_regex", '{column: title, regex: "["}'), "regex:", ("not a valid regular expression",)),
    (PAIR, gx("expect_column_values_to_not_be_null", "{column: title, mostly: 2}"), "mostly: 2", ("from 0 to 1",)),
    (PAIR, gx("expect_column_quantile_values_to_be_between", "{column: size_bytes, quantile_ranges: {quantiles: [0.5], value_ranges: []}}"), "value_ranges", ("one range for each of 1 quantiles",)),
    (PAIR, gx("expect_column_value_z_scores_to_be_less_than", "{column: size_bytes, threshold: 3}"), "threshold: 3", ("needs `double_sided`",)),
    (PAIR, gx("expect_column_most_common_value_to_be_in_set", "{column: title, value_set: [no]}"), "value_set: [no]", ("false is not a value of value_set", "Quote it")),
    (PAIR, gx("expect_column_values_to_match_json_schema", "{column: metadata, json_schema: text}"), "json_schema: text", ("`json_schema` must be a mapping",)),
    # rules of ours
    (RULE, RULE.replace("hidden_text", "hiden_text"), "hiden_text", ("unknown rule 'hiden_text'", "'hidden_text'")),
    (RULE, RULE.replace("hidden_text,", "hidden_text, technique: [x],"), "technique:", ("unknown key `technique`", "'techniques'")),
    (RULE, RULE.replace("hidden_text,", "instruction_text, where: above,"), "where: above", ("unknown where 'above'", "anywhere, hidden, visible")),
    (RULE, RULE.replace("hidden_text,", "poisoning,"), "rule: poisoning", ("poisoning needs a threshold", "signals")),
    (DRIFT, DRIFT.replace("language", "langauge"), "langauge", ("unknown column 'langauge'", "'language'")),
    (DRIFT, DRIFT.replace("language", "language\n          statistic: psy"), "statistic: psy", ("unknown statistic 'psy'", "'psi'")),
    (DRIFT, DRIFT.replace("language", "language\n          statistic: ks"), "statistic: ks", ("'ks' is not measured of column 'language'", "psi")),
    (DRIFT, DRIFT.replace("          column: language\n", ""), "implementation:\n          rule: drift", ("the rule drift needs `column`",)),
    ("          onFail: warn\n  - name: chunk", "          onFail: hold\n  - name: chunk", "onFail: hold", ("unknown onFail 'hold'", "Valid: block, quarantine, repair, warn")),
    ("similarity: {mustBeLessThan: 0.95}", "similarity: {mustBeLessThan: 0.7}", "similarity: {mustBeLessThan: 0.7}", ("from a similarity of 0.75 on: 0.7 is never judged",)),
    # service levels
    ("property: latency", "property: latencies", "latencies", ("unknown promise 'latencies'", "'latency'")),
    ("property: latency", "property: mood", "property: mood", ("unknown promise 'mood'", "Promises of the standard: freshness, retention")),
    ("    unit: min\n", "    unit: minits\n", "minits", ("unknown unit 'minits'",)),
    ("    value: 99.5", "    value: 199.5", "199.5", ("199.5 is not a share", "0 to 100")),
    ("driver: operational", "driver: operationl", "operationl", ("unknown driver 'operationl'", "'operational'")),
    ("    element: document.updated_at", "    element: documnt.updated_at", "documnt", ("unknown element 'documnt.updated_at'", "'document'")),
    ("value: 2025-01-01", "value: soon", "value: soon", ("'soon' is not a date", "2032-05-12")),
    ("value: 2098-01-01", "value: 2100-01-01", "value: 2099-01-01T", ("endOfLife '2099-01-01T00:00:00Z' comes before endOfSupport",)),
    ("value: 09:00+01:00", "value: '25:00'", "value: '25:00'", ("is not a time of day",)),
    ("    value: 15\n    unit: min\n", "    value: 15\n    unit: min\n    scheduler: cron\n", "scheduler: cron", ("`scheduler` has no meaning beside latency", "frequency")),
    ("  - property: retention\n    value: 5\n    unit: y\n", "  - property: retention\n    value: 5\n    unit: y\n  - property: retention\n    value: 6\n    unit: y\n", "retention\n    value: 6", ("`retention` is promised twice",)),
    # context
    ("        - question: Who may open the housing?\n", "        - id: q-torque\n          question: Who may open the housing?\n", "id: q-torque\n          question: Who", ("two entries of `verifiedStatements` are called 'q-torque'",)),
    ("        - question: Who may open the housing?\n", "        - answer: A person.\n", "- answer:", ("`question` is missing",)),
    ("        - question: Who may open the housing?\n", '        - question: " "\n', 'question: " "', ("`question` must be text that is not empty",)),
    ("value: [guides/flange.md]", "value: [Guides/Flange.md]", "[Guides/Flange.md]", ("no document can have the id 'Guides/Flange.md'",)),
    ("value: [guides/flange.md]", "value: guides/flange.md", "value: guides", ("must be a list of texts",)),
    ("value: [guides/flange.md]", "value: [a.md, a.md]", "[a.md, a.md]", ("'a.md' is listed twice",)),
    ("property: relevantDocIds", "property: relevantDocs", "relevantDocs", ("unknown property 'relevantDocs' of a verified statement", "relevantDocIds")),
    ("    - id: no-prices\n      constraint: Never state a price.", "    - id: no-prices\n      constrain: Never state a price.", "constrain:", ("unknown key `constrain`", "'constraint'")),
    # team and roles
    ("dateIn: 2024-02-01", "dateIn: 2024-02-31", "2024-02-31", ("`dateIn` must be a date",)),
    ("dateOut: 2025-02-01", "dateOut: 2023-02-01", "2023-02-01", ("left on 2023-02-01, before joining on 2024-02-01",)),
    ("replacedByUsername: bo@example.com", "replacedByUsername: bob@example.com", "bob@example.com", ("'bob@example.com' is not a member", "'bo@example.com'")),
    ("replacedByUsername: bo@example.com", "replacedByUsername: ann@example.com", "Username: ann@example.com", ("nobody replaces themselves",)),
    ("  - role: editor\n", "  - role: technician\n", "role: technician\n    access: write", ("two roles are called 'technician'",)),
    ("    access: write", "    acces: write", "acces: write", ("unknown key `acces`", "'access'")),
    # everywhere
    ("status: active", "status: activ", "status: activ", ("unknown status 'activ'", "'active'")),
    ("        id: doc_key\n", "        id: doc_key\n        customProperties: [{property: x, value: 1, vendor: stemma}]\n", "property: x", ("'x' of vendor stemma has no meaning in `properties`",)),
    ("  - name: chunk\n    id: chunk\n", "  - name: chunk\n    id: doc\n", "id: doc\n    logicalType: object\n    properties:\n      - name: chunk_id", ("two entries of `schema` are called 'doc'",)),
    # how documents are treated
    ("value: 09:00+01:00", "value: 25:00", "value: 25:00", ("'25:00' is one number in YAML 1.1", "in quotes")),
    ("value: {persons: 2}", "value: {persons: 02}", "persons: 02", ("'02' is one number in YAML 1.1", "decimal")),
    ("similarity: 0.75", "similarity: 0_1", "similarity: 0_1", ("'0_1' is one number in YAML 1.1",)),
    ("version: 2.1.0", 'version: "\\uff12.1.0"', "version: \"", ("is not a version", "nine digits")),
    ("property: ragRepair", "property: ragRepairs", "ragRepairs", ("unknown property 'ragRepairs'", "'ragRepair'")),
    ("kinds: [encoding, hyphenation]", "kinds: [encoding, hyphens]", "hyphens", ("unknown kind of repair 'hyphens'", "encoding, control_characters, hyphenation, boilerplate")),
    ("kinds: [encoding, hyphenation]", "kinds: [encoding, encoding]", "[encoding, encoding]", ("'encoding' is listed twice",)),
    ("kinds: [encoding, hyphenation]", "kind: [encoding]", "kind: [encoding]", ("unknown key `kind`", "'kinds'")),
    ("documentType: reference", "documentType: referense", "referense", ("unknown document type 'referense'", "'reference'", "prose, reference, faq")),
    ("weights: {extraction: 2, repetition: 0.5}", "weights: {extration: 2}", "extration", ("unknown key `extration`", "'extraction'")),
    ("weights: {extraction: 2, repetition: 0.5}", "weights: {extraction: -1}", "extraction: -1", ("from 0 to 100",)),
    ("weights: {extraction: 2, repetition: 0.5}", "weights: {extraction: 0}", "weights:", ("all `weights` are 0", "extraction, structure")),
    ("value: {persons: 2}", "value: {persons: 0}", "persons: 0", ("from 1 to 9",)),
    ("value: {persons: 2}", "value: 2\n", "value: 2\n\n", ("must be a mapping, not 2",)),
    ("tier: curated", "tier: closed", "tier: closed", ("unknown trust tier 'closed'", "curated, reviewed, open")),
    ("authors: [Ann, Bo]", "authors: [Ann, no]", "[Ann, no]", ("false is not text", "Quote it")),
    ("authors: [Ann, Bo]", "authors: Ann", "authors: Ann", ("`authors` must be a list of texts",)),
    ("retention: 400d", "retention: 400", "retention: 400", ("400 is not a retention", "such as 400d")),
    ("retention: 400d", "retention: 0d", "retention: 0d", ("'0d' is not a retention",)),
    ("retention: 400d", "retention: 36501d", "36501d", ("at most 36500d",)),
    ("text: hash", "text: hashes", "hashes", ("unknown choice of what is kept 'hashes'", "'hash'")),
    ("text: hash", "texts: hash", "texts: hash", ("unknown key `texts`", "'text'")),
    ("similarity: 0.75", "similarity: 0.2", "similarity: 0.2", ("from 0.5 to 1",)),
    ("similarity: 0.75", "jaccard: 0.75", "jaccard", ("unknown key `jaccard`", "similarity")),
]  # fmt: skip


def line_of(text: str, needle: str) -> int:
    """Returns the line of the first text in a needle that may begin with the lines that lead to it."""
    return text[: text.index(needle)].count("\n") + 1


@pytest.mark.parametrize(("old", "new", "where", "phrases"), INVALID)
def test_an_invalid_part_is_reported_at_its_line_in_words_that_help(
    old: str, new: str, where: str, phrases: tuple[str, ...]
) -> None:
    assert old in FULL
    text = FULL.replace(old, new, 1)
    found = problems_of(text)
    fitting = [problem for problem in found if all(phrase in f"{problem.message} {problem.hint}" for phrase in phrases)]
    assert fitting, found
    assert line_of(text, where) in {problem.line for problem in fitting}, (line_of(text, where), found)
    assert len(found) <= 3, "one edit, a cascade of problems"


def test_the_base_of_all_these_is_valid_and_they_are_many() -> None:
    assert problems_of(FULL) == ()
    assert len(INVALID) >= 120
    assert len({(old, new) for old, new, *_ in INVALID}) == len(INVALID)

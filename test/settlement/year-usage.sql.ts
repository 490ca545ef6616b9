/**
 * domain.md "Usage event", "Dispositions" and what of them is used by "Contracts and rating", in DuckDB's own words and
 * in integers: from raw lines, the windows of entitlements, contract documents and decisions. Allowances here are used
 * in time, one by one, and are not taken back.
 */
export const tables = `
CREATE TABLE raw (partner VARCHAR, sequence INTEGER, line INTEGER, text VARCHAR, received TIMESTAMPTZ);
CREATE TABLE receipt (partner VARCHAR, sequence INTEGER, programme VARCHAR, open_from VARCHAR);
CREATE TABLE programme (id VARCHAR, zone VARCHAR);
CREATE TABLE entitlement (id VARCHAR, programme VARCHAR, partner VARCHAR, benefit VARCHAR, subject VARCHAR, quota INTEGER);
CREATE TABLE live (entitlement VARCHAR, live_from TIMESTAMPTZ, live_until TIMESTAMPTZ);
CREATE TABLE document (text VARCHAR);
CREATE TABLE decision (partner VARCHAR, sequence INTEGER, line INTEGER, outcome VARCHAR, decided TIMESTAMPTZ, amount HUGEINT);
CREATE TABLE month (id VARCHAR);
CREATE TABLE currency (id VARCHAR, unit HUGEINT);
INSERT INTO currency VALUES ('CNY', 100), ('KWD', 1000), ('JPY', 1);
CREATE MACRO pico(p) AS CAST(split_part(p, '.', 1) || rpad(split_part(p, '.', 2), 12, '0') AS HUGEINT);
CREATE MACRO half_away(n) AS (CASE WHEN n < 0 THEN -1 ELSE 1 END)::HUGEINT
  * ((2::HUGEINT * abs(n) + 1000000000000::HUGEINT) // 2000000000000::HUGEINT);
CREATE MACRO month_in(zone, moment) AS strftime(timezone(zone, moment), '%Y-%m');
CREATE MACRO day_in(zone, moment) AS strftime(timezone(zone, moment), '%Y-%m-%d');
`

export const terms = `
CREATE TABLE contract AS
SELECT d->>'$.id' AS id, d->>'$.programme' AS programme, d->>'$.payer' AS payer, d->>'$.payee' AS payee,
  d->>'$.currency' AS currency, c.unit, d->>'$.validFrom' AS valid_from,
  COALESCE(d->>'$.validTo', '9999-12-31') AS valid_to, pico(d->>'$.taxRate') AS tax,
  half_away(pico(d->>'$.minimum') * c.unit) AS minimum, half_away(pico(d->>'$.maximum') * c.unit) AS maximum,
  COALESCE(pico(d->>'$.paymentThreshold') * c.unit, 0::HUGEINT) AS threshold, d
FROM (SELECT text::JSON AS d FROM document) JOIN currency c ON c.id = (d->>'$.currency');
CREATE TABLE term AS
SELECT contract, programme, payer, payee, currency, unit, l->>'$.id' AS line, l->>'$.model' AS model,
  l->>'$.benefit' AS benefit, pico(COALESCE(l->>'$.fee', l->>'$.unitPrice')) * unit AS price, pico(l->>'$.share') AS share,
  l->>'$.tiers.mode' AS mode, l->'$.tiers.steps[*]' AS steps, l->'$.fundedBy[*]' AS funders
FROM (SELECT id AS contract, programme, payer, payee, currency, unit, unnest(d->'$.lines[*]') AS l FROM contract);
CREATE TABLE step AS
SELECT contract, line, mode, COALESCE(lag(up_to) OVER w, 0) AS above, up_to, price FROM (
  SELECT contract, line, mode, COALESCE((s->>'$.upTo')::HUGEINT, 1000000000000::HUGEINT) AS up_to,
    pico(s->>'$.unitPrice') * unit AS price
  FROM (SELECT contract, line, mode, unit, unnest(steps) AS s FROM term)
) WINDOW w AS (PARTITION BY contract, line ORDER BY up_to);
CREATE TABLE funder AS
SELECT contract, line, f->>'$.brand' AS brand, pico(f->>'$.share') AS share
FROM (SELECT contract, line, unnest(funders) AS f FROM term);
`

/** `judged` leaves malformed lines out: they belong to no programme. */
export const dispositions = `
CREATE TABLE parsed AS
SELECT partner, sequence, line, text, received, j IS NULL OR (j->>'$.quantitty') IS NOT NULL AS malformed,
  j->>'$.id' AS id, j->>'$.entitlementId' AS entitlement, j->>'$.benefit' AS benefit, j->>'$.subject' AS subject,
  COALESCE(j->>'$.type', 'use') AS type, j->>'$.reverses' AS reverses,
  TRY_CAST(j->>'$.occurredAt' AS TIMESTAMPTZ) AS moment, COALESCE((j->>'$.quantity')::HUGEINT, 1::HUGEINT) AS quantity,
  (j->>'$.amount.amountMinor')::HUGEINT AS amount, j->>'$.amount.currency' AS currency
FROM (SELECT *, TRY_CAST(text AS JSON) AS j FROM raw);
CREATE TABLE timed AS
SELECT *, CASE WHEN malformed THEN 'malformed' WHEN moment > received + INTERVAL 5 MINUTE THEN 'future'
  WHEN moment < received - INTERVAL 1440 HOUR THEN 'too-late' END AS d FROM parsed;
CREATE TABLE told AS
SELECT *, CASE WHEN nth = 1 THEN NULL WHEN text = first_text THEN 'duplicate' ELSE 'conflict' END AS repeated FROM (
  SELECT *, row_number() OVER w AS nth, first_value(text) OVER w AS first_text FROM timed WHERE d IS NULL
  WINDOW w AS (PARTITION BY partner, id ORDER BY sequence, line));
CREATE TABLE known AS
SELECT t.partner, t.sequence, t.line, t.id, t.entitlement, t.type, t.reverses, t.moment, t.quantity, t.amount, t.currency,
  e.programme, e.benefit, e.subject, e.quota, p.zone, day_in(p.zone, t.moment) AS day, month_in(p.zone, t.moment) AS month,
  -- The accounting period: not before the oldest that was open at receipt, not after that of receipt.
  LEAST(GREATEST(month_in(p.zone, t.moment), r.open_from), month_in(p.zone, t.received)) AS accounted,
  CASE WHEN e.subject <> t.subject OR e.benefit <> t.benefit THEN 'wrong-subject'
       WHEN t.type = 'use' AND NOT EXISTS (SELECT 1 FROM live l WHERE l.entitlement = e.id AND l.live_from <= t.moment
         AND t.moment < COALESCE(l.live_until, TIMESTAMPTZ '9999-01-01')) THEN 'outside-entitlement' END AS d
FROM told t JOIN entitlement e ON e.id = t.entitlement AND e.partner = t.partner
JOIN programme p ON p.id = e.programme
JOIN receipt r ON r.partner = t.partner AND r.sequence = t.sequence AND r.programme = e.programme
WHERE t.repeated IS NULL;
CREATE TABLE used AS
SELECT *, CASE WHEN d IS NOT NULL THEN d WHEN nth > quota THEN 'over-quota'
  WHEN NOT EXISTS (SELECT 1 FROM contract c JOIN term t ON t.contract = c.id AND t.benefit = k.benefit
    WHERE c.programme = k.programme AND k.day BETWEEN c.valid_from AND c.valid_to) THEN 'no-contract'
  WHEN EXISTS (SELECT 1 FROM contract c JOIN term t ON t.contract = c.id AND t.benefit = k.benefit
    WHERE c.programme = k.programme AND k.day BETWEEN c.valid_from AND c.valid_to AND c.currency <> k.currency)
    THEN 'currency-mismatch' ELSE 'matched' END AS disposition
FROM (SELECT *, CASE WHEN d IS NULL THEN row_number() OVER (PARTITION BY entitlement, month, d IS NULL ORDER BY moment, id)
      END AS nth FROM known WHERE type = 'use') k;
CREATE TABLE judged AS
SELECT partner, sequence, line, programme, accounted, disposition FROM used
UNION ALL
SELECT k.partner, k.sequence, k.line, k.programme, k.accounted, CASE WHEN k.d IS NOT NULL THEN k.d
  WHEN u.disposition = 'matched' THEN 'matched' ELSE 'unknown-entitlement' END
FROM known k LEFT JOIN used u ON u.partner = k.partner AND u.id = k.reverses AND u.entitlement = k.entitlement
WHERE k.type = 'reversal'
UNION ALL
SELECT t.partner, t.sequence, t.line, e.programme,
  LEAST(GREATEST(month_in(p.zone, t.moment), r.open_from), month_in(p.zone, t.received)), COALESCE(t.d, t.repeated)
FROM (SELECT partner, sequence, line, entitlement, moment, received, d, NULL AS repeated FROM timed WHERE d IN ('future', 'too-late')
      UNION ALL SELECT partner, sequence, line, entitlement, moment, received, NULL, repeated FROM told WHERE repeated IS NOT NULL) t
JOIN entitlement e ON e.id = t.entitlement AND e.partner = t.partner JOIN programme p ON p.id = e.programme
JOIN receipt r ON r.partner = t.partner AND r.sequence = t.sequence AND r.programme = e.programme;
`

/** What is rated: matched uses, what reversals take back of them, and what was accepted; `k` is the close that bills it. */
export const usage = `
CREATE TABLE rated_use AS
SELECT programme, benefit, subject, day, month AS origin, accounted AS k, 1 AS sign, quantity, amount
FROM used WHERE disposition = 'matched'
UNION ALL
SELECT u.programme, u.benefit, u.subject, u.day, u.month, k.accounted, -1, -u.quantity, -u.amount
FROM known k JOIN used u ON u.partner = k.partner AND u.id = k.reverses AND u.entitlement = k.entitlement
WHERE k.type = 'reversal' AND k.d IS NULL AND u.disposition = 'matched'
UNION ALL
SELECT e.programme, e.benefit, e.subject, day_in(p.zone, t.moment), month_in(p.zone, t.moment), month_in(p.zone, d.decided), 1,
  t.quantity, t.amount
FROM decision d JOIN timed t ON t.partner = d.partner AND t.sequence = d.sequence AND t.line = d.line
JOIN entitlement e ON e.id = t.entitlement AND e.partner = t.partner JOIN programme p ON p.id = e.programme
WHERE d.outcome = 'accepted';
CREATE TABLE metered AS
SELECT c.id AS contract, u.benefit, u.subject, u.origin, u.k, u.sign, u.quantity, u.amount
FROM rated_use u JOIN contract c ON c.programme = u.programme AND u.day BETWEEN c.valid_from AND c.valid_to
WHERE EXISTS (SELECT 1 FROM term t WHERE t.contract = c.id AND t.benefit = u.benefit);
CREATE TABLE adjusted AS
SELECT c.contract, month_in(p.zone, t.moment) AS origin, month_in(p.zone, d.decided) AS k, t.quantity, d.amount
FROM decision d JOIN timed t ON t.partner = d.partner AND t.sequence = d.sequence AND t.line = d.line
JOIN entitlement e ON e.id = t.entitlement AND e.partner = t.partner JOIN programme p ON p.id = e.programme
JOIN LATERAL (SELECT min(m.contract) AS contract FROM term m JOIN contract o ON o.id = m.contract
  WHERE m.programme = e.programme AND m.benefit = e.benefit
    AND day_in(p.zone, t.moment) BETWEEN o.valid_from AND o.valid_to) c ON TRUE
WHERE d.outcome = 'adjusted';
`

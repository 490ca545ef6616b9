/** domain.md "Contracts and rating" from the used to the owed, in integers of 10^-12 of the minor unit until the one rounding. */
export const rating = `
CREATE TABLE place AS
SELECT c.id AS contract, c.programme, o.id AS origin, k.id AS k, p.zone,
  GREATEST(c.valid_from, o.id || '-01') AS first_day,
  LEAST(c.valid_to, strftime(last_day((o.id || '-01')::DATE), '%Y-%m-%d')) AS last_day
FROM contract c JOIN programme p ON p.id = c.programme
JOIN month o ON c.valid_from <= strftime(last_day((o.id || '-01')::DATE), '%Y-%m-%d') AND c.valid_to >= o.id || '-01'
JOIN month k ON k.id >= o.id;
CREATE TABLE entitled AS
SELECT p.contract, t.benefit, p.origin, COUNT(DISTINCT e.subject)::HUGEINT AS members
FROM (SELECT DISTINCT contract, programme, origin, zone, first_day, last_day FROM place) p
JOIN (SELECT DISTINCT contract, benefit FROM term) t ON t.contract = p.contract
JOIN entitlement e ON e.programme = p.programme AND e.benefit = t.benefit JOIN live l ON l.entitlement = e.id
WHERE timezone(p.zone, l.live_from) < p.last_day::TIMESTAMP + INTERVAL 1 DAY
  AND (l.live_until IS NULL OR (l.live_until > l.live_from AND timezone(p.zone, l.live_until) > p.first_day::TIMESTAMP))
GROUP BY 1, 2, 3;
CREATE TABLE meter AS
SELECT p.contract, t.line, t.benefit, p.origin, p.k, COALESCE(SUM(m.quantity), 0)::HUGEINT AS quantity,
  COALESCE(SUM(m.amount), 0)::HUGEINT AS base, COALESCE(ANY_VALUE(e.members), 0)::HUGEINT AS entitled,
  (SELECT COUNT(*) FROM (SELECT a.subject FROM metered a WHERE a.contract = p.contract AND a.benefit = t.benefit
    AND a.origin = p.origin AND a.k <= p.k GROUP BY a.subject HAVING SUM(a.sign) > 0))::HUGEINT AS active
FROM place p JOIN term t ON t.contract = p.contract
LEFT JOIN metered m ON m.contract = p.contract AND m.benefit = t.benefit AND m.origin = p.origin AND m.k <= p.k
LEFT JOIN entitled e ON e.contract = p.contract AND e.benefit = t.benefit AND e.origin = p.origin
GROUP BY p.contract, t.line, t.benefit, p.origin, p.k;
CREATE TABLE counted AS
SELECT m.*, t.model, t.price, t.share, t.mode,
  CASE t.model WHEN 'per-use' THEN m.quantity WHEN 'per-active-member' THEN m.active
    WHEN 'per-entitled-member' THEN m.entitled END AS size
FROM meter m JOIN term t ON t.contract = m.contract AND t.line = m.line;
CREATE TABLE gross AS
SELECT c.contract, c.line, c.benefit, c.model, c.origin, c.k, c.quantity,
  CASE WHEN c.model = 'revenue-share' THEN c.base END AS base,
  CASE WHEN c.model IN ('per-active-member', 'per-entitled-member') THEN c.size END AS members,
  half_away(CASE WHEN c.model = 'flat' THEN c.price WHEN c.model = 'revenue-share' THEN c.share * c.base
    WHEN c.mode = 'graduated' THEN (SELECT SUM(s.price * GREATEST(0::HUGEINT, LEAST(c.size, s.up_to) - s.above))::HUGEINT
      FROM step s WHERE s.contract = c.contract AND s.line = c.line)
    WHEN c.mode = 'volume' THEN c.size * (SELECT arg_min(s.price, s.up_to) FROM step s
      WHERE s.contract = c.contract AND s.line = c.line AND c.size <= s.up_to)
    ELSE c.price * c.size END) AS amount
FROM counted c;
CREATE TABLE part AS
SELECT g.contract, g.line, g.origin, g.k, f.brand, (g.amount * f.share) // 1000000000000::HUGEINT AS floor,
  g.amount - SUM((g.amount * f.share) // 1000000000000::HUGEINT) OVER w AS rest,
  row_number() OVER (PARTITION BY g.contract, g.line, g.origin, g.k
    ORDER BY (g.amount * f.share) % 1000000000000::HUGEINT DESC, f.brand) AS place
FROM gross g JOIN funder f ON f.contract = g.contract AND f.line = g.line
WINDOW w AS (PARTITION BY g.contract, g.line, g.origin, g.k);
CREATE TABLE owed AS
SELECT g.contract, g.line, g.benefit, g.model, g.origin, g.k, c.payer AS debtor, g.quantity, g.base, g.members, g.amount
FROM gross g JOIN contract c ON c.id = g.contract
WHERE NOT EXISTS (SELECT 1 FROM funder f WHERE f.contract = g.contract AND f.line = g.line)
UNION ALL
SELECT g.contract, g.line, g.benefit, g.model, g.origin, g.k, p.brand, g.quantity, g.base, g.members,
  (p.floor + CASE WHEN p.place <= p.rest THEN 1 ELSE 0 END)::HUGEINT
FROM gross g JOIN part p ON p.contract = g.contract AND p.line = g.line AND p.origin = g.origin AND p.k = g.k
JOIN contract c ON c.id = g.contract WHERE p.brand <> c.payee;
INSERT INTO owed
SELECT contract, model, NULL, model, origin, k, payer, 0, NULL, NULL,
  CASE model WHEN 'minimum-top-up' THEN GREATEST(0::HUGEINT, minimum - sum) ELSE LEAST(0::HUGEINT, maximum - sum) END
FROM (SELECT o.contract, o.origin, o.k, c.payer, c.minimum, c.maximum,
    SUM(CASE WHEN o.debtor = c.payer THEN o.amount ELSE 0 END)::HUGEINT AS sum
  FROM owed o JOIN contract c ON c.id = o.contract GROUP BY ALL)
CROSS JOIN (VALUES ('minimum-top-up'), ('maximum-cut')) limits(model)
WHERE (model = 'minimum-top-up' AND minimum IS NOT NULL) OR (model = 'maximum-cut' AND maximum IS NOT NULL);
`

/**
 * A close bills its own month whole, and of each earlier month what the whole has become more or less than before. A
 * change that costs nothing makes no line; its quantity is told with the next line of that month.
 */
export const billing = `
CREATE TABLE billed AS
SELECT contract || ':' || line || ':' || origin AS id, contract, line, benefit, model, origin, k, debtor,
  whole - COALESCE(lag(whole) OVER shown, 0) AS quantity, base, members, amount
FROM (
  SELECT contract, line, benefit, model, origin, k, debtor, quantity AS whole,
    quantity - COALESCE(lag(quantity) OVER w, 0) AS quantity,
    base - COALESCE(lag(base) OVER w, 0) AS base, members - COALESCE(lag(members) OVER w, 0) AS members,
    amount - COALESCE(lag(amount) OVER w, 0) AS amount
  FROM owed WINDOW w AS (PARTITION BY contract, line, model, origin, debtor ORDER BY k))
WHERE amount <> 0 OR (k = origin AND model NOT IN ('minimum-top-up', 'maximum-cut'))
  OR COALESCE(base, 0) <> 0 OR COALESCE(members, 0) <> 0 OR (model = 'per-use' AND quantity <> 0)
WINDOW shown AS (PARTITION BY contract, line, model, origin, debtor ORDER BY k)
UNION ALL
SELECT a.contract || ':adjustment:' || a.origin, a.contract, 'adjustment', NULL, 'adjustment', a.origin, a.k, c.payer,
  SUM(a.quantity)::HUGEINT, NULL, NULL, SUM(a.amount)::HUGEINT
FROM adjusted a JOIN contract c ON c.id = a.contract JOIN month m ON m.id = a.k GROUP BY ALL;
CREATE TABLE direction AS
SELECT DISTINCT c.programme, k.id AS k, d.debtor, c.payee AS creditor, c.currency FROM contract c
JOIN (SELECT id AS contract, payer AS debtor FROM contract UNION SELECT contract, brand FROM funder) d ON d.contract = c.id
JOIN month k ON c.valid_from <= strftime(last_day((k.id || '-01')::DATE), '%Y-%m-%d') AND c.valid_to >= k.id || '-01'
WHERE d.debtor <> c.payee
UNION SELECT c.programme, b.k, b.debtor, c.payee, c.currency FROM billed b JOIN contract c ON c.id = b.contract;
CREATE TABLE due AS
SELECT d.programme, d.k, d.debtor, d.creditor, d.currency, COALESCE(SUM(s.subtotal), 0)::HUGEINT AS subtotal,
  COALESCE(SUM(s.tax), 0)::HUGEINT AS tax
FROM direction d LEFT JOIN (
  SELECT c.programme, b.k, b.debtor, c.payee AS creditor, c.currency, c.id, SUM(b.amount)::HUGEINT AS subtotal,
    half_away(c.tax * SUM(b.amount)::HUGEINT) AS tax
  FROM billed b JOIN contract c ON c.id = b.contract GROUP BY c.programme, b.k, b.debtor, c.payee, c.currency, c.id, c.tax) s
USING (programme, k, debtor, creditor, currency) GROUP BY ALL;
CREATE TABLE opened (programme VARCHAR, k VARCHAR, debtor VARCHAR, creditor VARCHAR, currency VARCHAR, opening HUGEINT);
`

/** The statements of one month with what the month before left, and what they leave: a pair below its threshold waits. */
export const monthOf = (month: string, next: string) => `
CREATE TABLE "statement ${month}" AS
SELECT COALESCE(d.programme, o.programme) AS programme, '${month}' AS k, COALESCE(d.debtor, o.debtor) AS debtor,
  COALESCE(d.creditor, o.creditor) AS creditor, COALESCE(d.currency, o.currency) AS currency,
  COALESCE(o.opening, 0)::HUGEINT AS opening, COALESCE(d.subtotal, 0)::HUGEINT AS subtotal, COALESCE(d.tax, 0)::HUGEINT AS tax
FROM (SELECT * FROM due WHERE k = '${month}') d
FULL JOIN (SELECT * FROM opened WHERE k = '${month}' AND opening <> 0) o USING (programme, debtor, creditor, currency);
INSERT INTO opened
SELECT s.programme, '${next}', s.debtor, s.creditor, s.currency, s.opening + s.subtotal + s.tax
FROM "statement ${month}" s JOIN (
  SELECT programme, LEAST(debtor, creditor) AS a, GREATEST(debtor, creditor) AS b, currency,
    abs(SUM((opening + subtotal + tax) * CASE WHEN debtor < creditor THEN 1 ELSE -1 END)::HUGEINT) AS net
  FROM "statement ${month}" GROUP BY ALL) n
ON n.programme = s.programme AND n.currency = s.currency AND n.a = LEAST(s.debtor, s.creditor)
  AND n.b = GREATEST(s.debtor, s.creditor)
WHERE n.net > 0 AND n.net * 1000000000000::HUGEINT < (
  SELECT min(c.threshold) FROM contract c
  JOIN direction d ON d.k = '${month}' AND d.programme = c.programme AND d.creditor = c.payee AND d.currency = c.currency
  WHERE c.programme = n.programme AND c.currency = n.currency
    AND c.valid_from <= strftime(last_day(('${month}-01')::DATE), '%Y-%m-%d') AND c.valid_to >= '${month}-01'
    AND ((c.payee = n.a AND n.b IN (SELECT c.payer UNION SELECT f.brand FROM funder f WHERE f.contract = c.id))
      OR (c.payee = n.b AND n.a IN (SELECT c.payer UNION SELECT f.brand FROM funder f WHERE f.contract = c.id))));
`

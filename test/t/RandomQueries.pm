# Random queries over distances, each in three forms: as it is, and with distances that a function hides from the planner.
#
# A generator is made with a seed and returns the same queries for the same seed. In a query's text a distance is
# <<metric|form|left|right>>; expand() makes an operator, one of our functions or a hidden function of it. A query also
# says how its answers have to agree:
#
#   same     line by line
#   bag      as a bag of lines
#   prefix   line by line, but rows without a distance may be missing from the end: the last column of a line is the distance
package RandomQueries;

use strict;
use warnings;

# What distances there are: by column, the metric and how a vector is written.
my %columns = (
	v => { metrics => [qw(l2 ip l1)], type => 'vector', complete => 1 },
	u => { metrics => ['cosine'], type => 'vector', complete => 1 },
	w => { metrics => [qw(l2 cosine)], type => 'vector', complete => 0 },
	h => { metrics => ['l2'], type => 'halfvec', complete => 1 },
	s => { metrics => ['l2'], type => 'sparsevec', complete => 1 },
	b => { metrics => [qw(hamming jaccard)], type => 'bit', complete => 1 },
);
my %operators = (l2 => '<->', ip => '<#>', cosine => '<=>', l1 => '<+>', hamming => '<~>', jaccard => '<%>');
my %functions = (l2 => 'l2_distance', ip => 'inner_product', cosine => 'cosine_distance', l1 => 'l1_distance',
	hamming => 'hamming_distance', jaccard => 'jaccard_distance');
# Whole numbers are added without rounding, so distances of these are the same however they are measured.
my %exact = (l2 => 1, ip => 1, l1 => 1, hamming => 1);

our $dims = 8;
our $rows = 500;

sub new
{
	my ($class, $seed) = @_;
	return bless { state => $seed & 0x7fffffff }, $class;
}

# A number from 0 to n - 1, the same on every machine.
sub below
{
	my ($self, $n) = @_;
	$self->{state} = ($self->{state} * 1103515245 + 12345) & 0x7fffffff;
	return ($self->{state} >> 8) % $n;
}

sub one_of { my ($self, @choices) = @_; return $choices[ $self->below(scalar @choices) ]; }
sub chance { my ($self, $percent) = @_; return $self->below(100) < $percent; }

# A vector of a column's type, as a literal.
sub literal
{
	my ($self, $type) = @_;
	my @x = map { $self->below(9) - 4 } 1 .. $dims;
	return "'" . join('', map { $self->below(2) } 1 .. 2 * $dims) . "'::bit(" . 2 * $dims . ')' if $type eq 'bit';
	$x[0] ||= 1;
	return "'[" . join(',', @x) . "]'::vector" . ($type eq 'vector' ? '' : "::$type");
}

# What a distance is from, besides a literal: a value of another table, asked for in one way or another.
sub value
{
	my ($self, $column) = @_;
	my $id = 1 + $self->below(20);
	my $from = $column eq 'w' ? 'v' : $column;
	return $self->one_of($self->literal($columns{$column}{type}), $self->literal($columns{$column}{type}),
		"(SELECT $from FROM target WHERE id = $id)", "target_$from($id)");
}

# A distance of a column, and whether it is exact. A form that is not an operator is a function.
sub distance
{
	my ($self, $column, $value, $table) = @_;
	my $metric = $self->one_of(@{ $columns{$column}{metrics} });
	my $row = ($table ? "$table." : '') . $column;
	my ($left, $right) = $self->chance(70) ? ($row, $value) : ($value, $row);
	return ("<<$metric|" . $self->one_of('operator', 'operator', 'function') . "|$left|$right>>", $metric);
}

# What an expression is in one of the three forms.
sub expand
{
	my ($query, $hidden) = @_;
	$query =~ s{<<(\w+)\|(\w+)\|(.*?)\|(.*?)>>}{
		my ($metric, $form, $left, $right) = ($1, $2, $3, $4);
		$hidden ? "hidden_$metric($left, $right)"
			: $form eq 'operator' ? "($left $operators{$metric} $right)"
			: $metric eq 'ip' ? "(-inner_product($left, $right))"
			: "$functions{$metric}($left, $right)"}ge;
	return $query;
}

# A value that goes by a distance, whether it shrinks with it, and whether it is coarse. Not negative are all but products.
sub by_distance
{
	my ($self, $distance, $metric) = @_;
	my ($expr, $decreasing, $positive, $coarse) = ($distance, 0, $metric ne 'ip', 0);
	foreach (1 .. $self->one_of(0, 0, 1, 1, 2, 3))
	{
		my $c = 1 + $self->below(5);
		my @steps = (
			[ "($expr + $c)", 0, $positive ], [ "($c - $expr)", 1, 0 ], [ "($expr * $c)", 0, $positive ],
			[ "($expr * -$c)", 1, 0 ], [ "($expr / $c)", 0, $positive ], [ "(-$expr)", 1, 0 ],
			[ "(($expr)::real)", 0, $positive ]);
		push @steps, [ "($c / (1 + $expr))", 1, 1 ], [ "sqrt($expr)", 0, 1 ], [ "power($expr, 2)", 0, 1 ],
			[ "exp(-($expr) / 50)", 1, 1 ], [ "ln(1 + $expr)", 0, 1 ]
			if $positive;
		push @steps, [ "greatest(-$c, $expr)", 0, $positive ], [ "least($c * 20, $expr)", 0, $positive ];
		my $step = $self->one_of(@steps);
		$coarse = 1 if $step->[0] =~ /^(greatest|least)/;
		$expr = $step->[0];
		$decreasing ^= $step->[1];
		$positive = $step->[2];
	}
	return ($expr, $decreasing, $coarse);
}

# A condition on a table's rows; `bound` is a distance that it may bound.
sub condition
{
	my ($self, $bound, $table) = @_;
	my $t = $table ? "$table." : '';
	my $k = $self->below(5);
	my @conditions = ('true', "${t}kind = $k", "${t}kind <> $k", "${t}id % 7 < $k + 1", "${t}id > " . $self->below($rows),
		"${t}n IS NOT NULL", "${t}n IS NULL OR ${t}kind < $k");
	push @conditions, "$bound < " . (1 + $self->below(12)), "$bound BETWEEN -$k AND " . (2 + $self->below(20)),
		"1 / (1 + abs($bound)) > 0.1", "-$bound > -" . (3 + $self->below(12)), "($bound)::real <= 7"
		if defined $bound;
	return join ' AND ', map { $self->one_of(@conditions) } 1 .. $self->one_of(1, 1, 2);
}

sub limit { my ($self) = @_; return 'LIMIT ' . $self->one_of(1, 3, 10, 40) . ($self->chance(20) ? ' OFFSET ' . $self->below(20) : ''); }
sub complete_column { my ($self) = @_; return $self->one_of(qw(v v v h s b)); }
sub rounded { my ($expr) = @_; return "round(($expr)::numeric, 4)"; }

# ORDER BY for a value that goes by a distance, nearest first as a rule.
sub order
{
	my ($self, $value, $decreasing) = @_;
	$decreasing ^= 1 if $self->chance(10);
	return $value . ($decreasing ? ' DESC' : '') . $self->one_of('', '', '', ' NULLS LAST', ' NULLS FIRST');
}

# Each kind of query returns its text and how answers have to agree.

sub nearest
{
	my ($self, $table) = @_;
	my $column = $table eq 'item' ? $self->one_of(keys_sorted()) : 'v';
	my ($distance, $metric) = $self->distance($column, $self->value($column));
	my ($value, $decreasing, $coarse) = $self->by_distance($distance, $metric);
	my $order = $self->order($value, $decreasing);
	my $where = $self->condition($distance);
	my $shown = rounded($distance);
	my $agree = $columns{$column}{complete} ? 'same' : 'prefix';
	# rows that are equally far come in any order, or in that of their ids; those that are nearly so may change places
	return ("SELECT id, $shown FROM $table WHERE $where ORDER BY $order, id " . $self->limit, $agree)
		if $exact{$metric} && !$coarse && $self->chance(60);
	return ("SELECT $shown FROM $table WHERE $where ORDER BY $order " . $self->limit, $agree) if !$coarse;
	return ('SELECT ' . rounded($value) . ", $shown FROM $table WHERE $where ORDER BY $order, $shown " . $self->limit, $agree)
}

sub rounded_order
{
	my ($self) = @_;
	my $column = $self->complete_column;
	my ($distance, $metric) = $self->distance($column, $self->value($column));
	my ($value, $decreasing) = $self->by_distance($distance, $metric);
	my $rounded = 'round((' . $value . ')::numeric, ' . $self->below(3) . ')';
	return ("SELECT $rounded FROM item WHERE " . $self->condition($distance) . " ORDER BY $rounded" . ($decreasing ? ' DESC ' : ' ') . $self->limit, 'same');
}

sub numbered
{
	my ($self) = @_;
	my $column = $self->one_of(qw(v v w));
	my ($distance) = $self->distance($column, $self->value($column));
	$distance =~ s/<<cosine/<<l2/;
	my $function = $self->one_of('row_number()', 'rank()', 'dense_rank()', 'count(*)', 'sum(id)', 'ntile(3)', 'cume_dist()', 'percent_rank()', 'lag(id)');
	my $over = $function =~ /count|sum|row_number|lag|ntile/ ? "$distance, id" : $distance;
	$over = "PARTITION BY kind ORDER BY $over" if $self->chance(15);
	$over = "ORDER BY $over" if $over !~ /^PARTITION/;
	$over .= $self->one_of('', '', ' ROWS BETWEEN 2 PRECEDING AND CURRENT ROW', ' ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING') if $function =~ /count|sum/;
	my $where = $self->condition($distance);
	my $agree = $columns{$column}{complete} ? 'same' : 'prefix';
	my $shown = rounded($distance);
	my $k = 1 + $self->below(12);
	return $self->one_of(
		[ "SELECT id, $function OVER ($over), $shown FROM item WHERE $where ORDER BY $distance, id " . $self->limit, $agree ],
		[ "SELECT id, $function OVER ($over) AS r FROM item WHERE $where ORDER BY r, id", 'bag' ],
		[ "SELECT id, n FROM (SELECT id, $function OVER ($over) AS n FROM item WHERE $where) s WHERE n <= $k", $agree eq 'same' ? 'bag' : 'skip' ],
		[ "SELECT id, count(*) OVER () FROM item WHERE $where ORDER BY $distance, id LIMIT $k", 'prefix_last' ],
		[ "WITH r AS (SELECT id, $function OVER ($over) AS n FROM item WHERE $where) SELECT id, n FROM r ORDER BY n, id LIMIT $k", $agree eq 'same' ? 'same' : 'skip' ]);
}

sub distinct
{
	my ($self) = @_;
	my $column = $self->one_of(qw(v v w));
	my ($distance) = $self->distance($column, $self->value($column));
	$distance =~ s/<<cosine/<<l2/;
	my $where = $self->condition($distance);
	my $shown = rounded($distance);
	my $k = 1 + $self->below(12);
	my $agree = $columns{$column}{complete} ? 'same' : 'prefix';
	return $self->one_of(
		[ "SELECT DISTINCT ON ($distance) id, $shown FROM item WHERE $where ORDER BY $distance, id", 'bag' ],
		[ "SELECT DISTINCT $distance AS d FROM item WHERE $where ORDER BY d LIMIT $k", $agree ],
		[ "SELECT id, $shown FROM item WHERE $where ORDER BY $distance FETCH FIRST $k ROWS WITH TIES", 'bag' ],
		[ "SELECT $distance AS d, count(*) FROM item WHERE $where GROUP BY 1 ORDER BY 1 LIMIT $k", 'same' ],
		[ "SELECT kind, min($distance) FROM item WHERE $where GROUP BY 1 ORDER BY 2, 1 LIMIT $k", 'same' ],
		[ "SELECT array_agg(id ORDER BY $distance, id) FROM item WHERE $where", 'same' ],
		[ "SELECT id FROM item WHERE ($distance < $k) IS NOT FALSE ORDER BY $distance, id LIMIT 100", 'same' ],
		[ "SELECT id FROM item WHERE $column IS NULL OR $distance < $k ORDER BY $distance, id LIMIT 200", 'same' ],
		[ "SELECT id FROM item WHERE $where ORDER BY $distance, id", 'same' ]);
}

# The distance from what a table of one row has.
sub one_row
{
	my ($self) = @_;
	my $id = 1 + $self->below(20);
	my ($distance) = $self->distance('v', 'a.v', 'i');
	my $where = $self->condition($distance, 'i');
	my $tail = 'ORDER BY ' . $distance . ', i.id ' . $self->limit;
	my $shown = 'i.id, ' . rounded($distance);
	my $from = $self->one_of(
		"target a, item i WHERE a.id = $id AND", "item i JOIN target a ON a.id = $id WHERE", "target a, item i WHERE a.id = ANY('{$id}') AND",
		"target a, item i WHERE a.id = (SELECT $id) AND", "target c JOIN target a ON a.id = c.other, item i WHERE c.id = $id AND",
		"item i LEFT JOIN target a ON a.id = $id WHERE", "item i LEFT JOIN target a ON a.id = -$id WHERE", "target a, item i WHERE a.id = -$id AND",
		"unnest(ARRAY[target_v($id)]) AS a(v), item i WHERE", "target_v($id) AS a(v), item i WHERE", "(SELECT v FROM target ORDER BY id LIMIT 1) a, item i WHERE",
		"item i CROSS JOIN (SELECT sum(v) AS v FROM target WHERE id <= $id) a WHERE", "target a, item i WHERE a.id <= 2 AND",
		"target a, item i WHERE (a.id = $id OR a.id = 3) AND", "item i LEFT JOIN target a ON a.id = $id AND i.kind = 2 WHERE");
	return $self->one_of(
		[ "SELECT $shown FROM $from $where $tail", $from =~ /a.id <= 2|OR/ ? 'skip' : 'same' ],
		[ "WITH p AS @{[$self->one_of('', 'MATERIALIZED ')]}(SELECT v, other FROM target WHERE id = $id), near AS (SELECT $shown FROM p a, item i WHERE $where $tail),
			few AS (SELECT i.id, a.other FROM p a, item i WHERE i.kind = a.other % 5 ORDER BY $distance, i.id LIMIT 4) SELECT * FROM near FULL JOIN few USING (id) ORDER BY 1, 2", 'same' ],
		[ "SELECT $shown FROM target a, target c, item i WHERE a.id = $id AND c.id = 3 AND $where ORDER BY <<l2|operator|i.v|(a.v - c.v)>>, i.id LIMIT 5", 'same' ]);
}

sub joined
{
	my ($self) = @_;
	my ($distance) = $self->distance('v', 'a.v', 'i');
	my $where = $self->condition($distance, 'i');
	my $k = 1 + $self->below(6);
	return $self->one_of(
		[ "SELECT a.id, s.* FROM target a CROSS JOIN LATERAL (SELECT i.id, @{[rounded($distance)]} FROM item i WHERE $where ORDER BY $distance, i.id LIMIT $k) s ORDER BY 1, 3, 2", 'same' ],
		[ "SELECT a.id, s.id FROM target a LEFT JOIN LATERAL (SELECT i.id FROM item i WHERE $where ORDER BY $distance, i.id LIMIT 1) s ON true ORDER BY 1", 'same' ],
		[ "SELECT a.id, i.id FROM target a JOIN item i ON $distance < $k AND $where", 'bag' ],
		[ "SELECT a.id, i.id FROM target a LEFT JOIN item i ON $distance <= $k AND i.kind = 2", 'bag' ],
		[ "SELECT a.id FROM target a WHERE EXISTS (SELECT 1 FROM item i WHERE $distance < $k AND $where) ORDER BY 1", 'same' ],
		[ "SELECT a.id FROM target a WHERE NOT EXISTS (SELECT 1 FROM item i WHERE 1 - $distance > -$k) ORDER BY 1", 'same' ],
		[ "SELECT a.id, (SELECT count(*) FROM item i WHERE $distance < $k) FROM target a ORDER BY 1", 'same' ],
		[ "SELECT i.id, a.id FROM item i JOIN target a ON a.id = i.kind WHERE $where ORDER BY <<l2|operator|i.v|target_v($k)>>, i.id LIMIT 5", 'same' ],
		[ "SELECT a.id FROM target a WHERE a.id IN (SELECT i.id FROM item i WHERE $where ORDER BY $distance, i.id LIMIT 30) ORDER BY 1", 'same' ]);
}

sub merged
{
	my ($self) = @_;
	my @parts = map {
		my ($distance) = $self->distance('v', $self->value('v'));
		"(SELECT id, row_number() OVER (ORDER BY $distance, id) AS r FROM item WHERE @{[$self->condition($distance)]} ORDER BY " . $self->one_of('r', $distance) . ', id LIMIT 8)'
	} 1 .. 2;
	return $self->one_of(
		[ "WITH a AS $parts[0], b AS $parts[1] SELECT id, coalesce(1.0 / (50 + a.r), 0) + coalesce(1.0 / (50 + b.r), 0) AS score FROM a FULL JOIN b USING (id) ORDER BY 2 DESC, 1 LIMIT 9", 'same' ],
		[ "$parts[0] UNION ALL $parts[1]", 'bag' ], [ "SELECT id FROM $parts[0] a INTERSECT SELECT id FROM $parts[1] b ORDER BY 1", 'same' ]);
}

sub within
{
	my ($self) = @_;
	my $column = $self->one_of(qw(v w h));
	my ($distance, $metric) = $self->distance($column, $self->value($column));
	my ($value, $decreasing) = $self->by_distance($distance, $metric);
	my $where = $self->condition($distance);
	$value = $distance if $metric eq 'cosine';
	my $bound = "$value " . $self->one_of('<', '<=', '>', '>=') . ' ' . ($self->below(100) / 10 - 2);
	return $self->one_of([ "SELECT count(*), sum(id) FROM item WHERE $bound", 'same' ], [ "SELECT id FROM item WHERE $bound AND $where ORDER BY n DESC, id LIMIT 5", 'same' ],
		[ "SELECT EXISTS (SELECT 1 FROM item WHERE $bound AND $where)", 'same' ], [ "SELECT id, count(*) OVER () FROM item WHERE $bound AND $where", 'bag' ],
		[ "SELECT kind, count(*) FROM item WHERE $where AND $bound GROUP BY 1", 'bag' ]);
}

sub changing
{
	my ($self) = @_;
	my ($distance) = $self->distance('v', $self->value('v'));
	my $where = $self->condition($distance);
	my $near = "SELECT id FROM item WHERE $where ORDER BY $distance, id " . $self->limit;
	return $self->one_of(
		[ "UPDATE item SET n = n + 1 WHERE id IN ($near) RETURNING id, n", 'bag' ],
		[ "DELETE FROM item WHERE id IN ($near) RETURNING id", 'bag' ],
		[ "WITH gone AS (DELETE FROM item WHERE $distance < 6 AND $where RETURNING id) SELECT count(*), sum(id) FROM gone", 'same' ],
		[ "INSERT INTO item (id, kind, n, v, u, h, s, b) SELECT id + 100000, kind, n, v, u, h, s, b FROM item WHERE id IN ($near) RETURNING id", 'bag' ],
		[ "SELECT id FROM item WHERE $where ORDER BY $distance, id LIMIT 5 FOR UPDATE", 'same' ]);
}

sub keys_sorted { return sort keys %columns; }

# The next query: { text, agree, kind }.
sub next_query
{
	my ($self) = @_;
	my $kind = $self->one_of(qw(nearest nearest nearest part secret rounded_order numbered numbered distinct distinct one_row one_row joined joined merged within within changing));
	my ($text, $agree) = $kind =~ /^(part|secret)$/ ? $self->nearest($kind) : $kind eq 'nearest' ? $self->nearest('item') : $self->$kind;
	($text, $agree) = @$text if ref $text;
	return { text => $text, agree => $agree, kind => $kind };
}

1;

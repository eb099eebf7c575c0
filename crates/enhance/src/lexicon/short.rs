//! Short words, against letters that are none.

/// Two to four letters that are none of the common short words, so that before a word which begins with them they are a
/// word broken off. Without a vowel they may be an abbreviation ("pr", "http") and are left alone.
pub(crate) fn is_no_word(word: &str) -> bool {
    (2..=4).contains(&word.len())
        && word.chars().all(|letter| letter.is_ascii_lowercase())
        && word.contains(['a', 'e', 'i', 'o', 'u'])
        && !is_short_word(word)
}

/// The common English words of two to four letters that other words begin with.
fn is_short_word(word: &str) -> bool {
    SHORT_WORDS.binary_search(&word).is_ok()
}

/// Sorted.
#[rustfmt::skip]
const SHORT_WORDS: [&str; 1023] = [
    "ad", "add", "age", "ago", "aid", "aim", "air", "al", "all", "also", "am", "an", "and", "ann", "anna", "ant",
    "any", "ape", "api", "app", "apt", "arc", "are", "area", "arm", "army", "art", "as", "ash", "ask", "at", "ate",
    "aunt", "auto", "away", "axe", "baby", "back", "bad", "bag", "bake", "ball", "ban", "band", "bank", "bar", "bare",
    "bark", "barn", "base", "bat", "bath", "be", "beam", "bean", "bear", "beat", "bed", "bee", "been", "beer", "beg",
    "bell", "belt", "ben", "bend", "best", "bet", "bid", "big", "bike", "bill", "bin", "bird", "bit", "bite", "blow",
    "blue", "boat", "body", "boil", "bold", "bolt", "bond", "bone", "book", "boom", "boot", "born", "boss", "both",
    "bow", "bowl", "box", "boy", "bud", "bug", "bulb", "bull", "bus", "busy", "but", "buy", "by", "bye", "cab",
    "cafe", "cake", "call", "calm", "came", "camp", "can", "cap", "car", "card", "care", "carl", "cart", "case",
    "cash", "cast", "cat", "cell", "chat", "chef", "chin", "chip", "city", "clay", "club", "coal", "coat", "code",
    "coin", "cold", "come", "cook", "cool", "cope", "copy", "corn", "cost", "cot", "cow", "cpu", "crew", "crop",
    "cry", "css", "cup", "cure", "cut", "dad", "dam", "damp", "dan", "dare", "dark", "data", "date", "dawn", "day",
    "dead", "deal", "dear", "debt", "deck", "deep", "deer", "den", "desk", "dial", "did", "die", "dig", "dim", "dine",
    "dip", "dirt", "dish", "disk", "dive", "do", "dock", "does", "dog", "doll", "don", "done", "door", "dose", "dot",
    "down", "draw", "drew", "drop", "drum", "dry", "duck", "due", "dull", "dust", "duty", "each", "ear", "earn",
    "ease", "east", "easy", "eat", "ed", "edge", "egg", "ego", "eh", "else", "emma", "end", "envy", "era", "eric",
    "erik", "err", "eu", "eva", "eve", "even", "ever", "evil", "exam", "eye", "face", "fact", "fade", "fail", "fair",
    "fall", "fan", "far", "fare", "farm", "fast", "fat", "fate", "fear", "feed", "feel", "feet", "fell", "felt",
    "few", "file", "fill", "film", "fin", "find", "fine", "fire", "firm", "fish", "fit", "five", "fix", "flag",
    "flat", "flew", "flow", "fly", "fog", "fold", "folk", "food", "fool", "foot", "for", "fore", "fork", "form",
    "fort", "four", "free", "frog", "from", "fuel", "full", "fun", "fund", "fur", "gain", "game", "gap", "gas",
    "gate", "gave", "gear", "gel", "get", "gift", "girl", "give", "glad", "go", "goal", "goat", "god", "gold", "golf",
    "gone", "good", "got", "gown", "gpu", "grew", "grey", "grid", "grip", "grow", "gulf", "gum", "gun", "gut", "guy",
    "had", "hair", "half", "hall", "ham", "hand", "hang", "hans", "hard", "harm", "hat", "hate", "have", "he", "head",
    "heal", "heap", "hear", "heat", "heel", "held", "hell", "help", "hen", "her", "herb", "here", "hero", "hey", "hi",
    "hid", "hide", "high", "hill", "him", "hint", "hip", "hire", "his", "hit", "hold", "hole", "holy", "home", "hood",
    "hook", "hop", "hope", "horn", "host", "hot", "hour", "how", "html", "hug", "huge", "hugo", "hunt", "hurt", "hut",
    "ian", "ice", "icy", "ida", "idea", "if", "ill", "in", "inch", "info", "ink", "inn", "into", "iron", "is", "it",
    "item", "its", "ivan", "ivo", "jack", "jail", "jam", "jan", "jane", "jar", "jaw", "jet", "jo", "job", "joe",
    "john", "join", "joke", "joy", "json", "jump", "jury", "just", "kai", "kate", "keen", "keep", "kept", "key",
    "kick", "kid", "kill", "kim", "kin", "kind", "king", "kiss", "kit", "knee", "knew", "knit", "know", "lab", "lack",
    "lad", "lady", "lake", "lamb", "lamp", "land", "lane", "lap", "lars", "last", "late", "law", "lawn", "lay",
    "lazy", "lea", "lead", "leaf", "leak", "lean", "leap", "lee", "left", "leg", "lena", "lend", "leo", "less", "let",
    "lia", "lid", "lie", "life", "lift", "like", "limb", "lime", "line", "link", "lion", "lip", "lisa", "list", "lit",
    "live", "load", "loan", "lock", "log", "logo", "long", "look", "lord", "lose", "loss", "lost", "lot", "lou",
    "loud", "love", "low", "luck", "luke", "lump", "lung", "mad", "made", "mail", "main", "make", "male", "mall",
    "man", "many", "map", "mara", "mark", "mary", "mask", "mass", "mat", "mate", "max", "may", "me", "meal", "mean",
    "meat", "meet", "melt", "men", "menu", "mere", "mess", "met", "mia", "mice", "mid", "mild", "mile", "milk",
    "mill", "mind", "mine", "mint", "miss", "mist", "mix", "mob", "mode", "mood", "moon", "mop", "more", "most",
    "move", "much", "mud", "mug", "must", "my", "nail", "name", "nan", "navy", "near", "neat", "neck", "ned", "need",
    "nest", "net", "new", "news", "next", "nice", "nina", "nine", "no", "noah", "nod", "none", "noon", "nor", "nose",
    "not", "note", "noun", "now", "nut", "oak", "oath", "obey", "odd", "of", "off", "oh", "oil", "ok", "old", "olga",
    "omar", "on", "once", "one", "only", "onto", "open", "opt", "or", "oral", "otto", "our", "out", "oven", "over",
    "owe", "owen", "own", "pace", "pack", "pad", "page", "paid", "pain", "pair", "pale", "palm", "pam", "pan", "pant",
    "park", "part", "pass", "past", "pat", "path", "paul", "pay", "pdf", "pea", "peak", "pear", "peer", "pen", "per",
    "pet", "pete", "pick", "pie", "pig", "pile", "pin", "pine", "pink", "pint", "pipe", "pit", "plan", "play", "plot",
    "plug", "plus", "poem", "poet", "pole", "poll", "pond", "pool", "poor", "pop", "pork", "port", "pose", "post",
    "pot", "pour", "pray", "pro", "pub", "pull", "pump", "pure", "push", "put", "race", "rack", "raft", "rag", "rail",
    "rain", "ran", "rang", "rank", "rare", "rat", "rate", "raw", "ray", "read", "real", "rear", "red", "rely", "rent",
    "repo", "rest", "rib", "rice", "rich", "rid", "ride", "ring", "rip", "rise", "risk", "road", "roar", "rob",
    "rock", "rod", "role", "roll", "roof", "room", "root", "rope", "ros", "rosa", "rose", "rot", "row", "roy", "rub",
    "rude", "rug", "ruin", "rule", "run", "rush", "rust", "ruth", "sack", "sad", "safe", "sag", "said", "sail",
    "sake", "sale", "salt", "sam", "same", "sand", "sang", "sara", "sat", "save", "saw", "say", "scan", "scar", "sea",
    "seal", "seat", "see", "seed", "seek", "seem", "seen", "self", "sell", "send", "sent", "set", "sew", "sex",
    "shed", "ship", "shoe", "shop", "shot", "show", "shut", "shy", "sick", "side", "sign", "silk", "sin", "sing",
    "sink", "sip", "sir", "sit", "site", "six", "size", "ski", "skin", "skip", "sky", "slap", "slim", "slip", "slow",
    "snap", "snow", "so", "soap", "sock", "soft", "soil", "sold", "sole", "some", "son", "song", "soon", "sore",
    "sort", "soul", "soup", "sour", "spa", "span", "spin", "spit", "spot", "spy", "sql", "star", "stay", "stem",
    "step", "stir", "stop", "such", "sue", "suit", "sum", "sun", "sure", "swim", "tail", "take", "tale", "talk",
    "tall", "tame", "tan", "tap", "tape", "tar", "tara", "task", "tax", "taxi", "tea", "team", "tear", "ted", "tell",
    "ten", "tend", "tent", "term", "test", "text", "than", "that", "the", "them", "then", "theo", "they", "thin",
    "this", "thus", "tick", "tide", "tidy", "tie", "till", "tim", "time", "tin", "tiny", "tip", "tire", "to", "toad",
    "toby", "toe", "told", "toll", "tom", "tomb", "ton", "tone", "too", "took", "tool", "top", "torn", "toss", "tour",
    "tow", "town", "toy", "tram", "trap", "tray", "tree", "trim", "trip", "true", "try", "tub", "tube", "tune",
    "turn", "twin", "two", "type", "tyre", "ugly", "ui", "uk", "una", "unit", "up", "upon", "url", "us", "usa", "usb",
    "use", "vain", "val", "van", "vary", "vase", "vast", "veil", "vera", "verb", "very", "vet", "via", "vic", "view",
    "vote", "wage", "wait", "wake", "walk", "wall", "want", "war", "ward", "warm", "warn", "was", "wash", "wave",
    "wax", "way", "we", "weak", "wear", "web", "week", "well", "went", "were", "west", "wet", "what", "when", "whip",
    "who", "why", "wide", "wife", "wild", "will", "win", "wind", "wine", "wing", "wipe", "wire", "wise", "wish",
    "with", "wolf", "won", "wood", "wool", "word", "wore", "work", "worm", "worn", "wrap", "xml", "yard", "yarn",
    "yea", "year", "yes", "yet", "you", "your", "zara", "zero", "zoe", "zone", "zoo",
];

#[cfg(test)]
mod tests {
    use super::SHORT_WORDS;

    #[test]
    fn the_short_words_are_sorted_and_each_is_there_once() {
        assert!(SHORT_WORDS.is_sorted_by(|one, other| one < other));
    }
}

# shellcheck shell=bash
# What a step's outcome depends on: its own text, the functions of lib/ that it
# calls, directly or through others, the values of `env` and `secrets` that any of
# these name, and the tables that they read. They are found by words, so too much
# may count, but never too little: an unnecessary check of a step costs seconds.

# inputs_of STEP: prints all of it. It leaves out SERVER and TOKEN, because a
# new attempt does not change what is right, and keepsakes, because they come
# from the node.
inputs_of() {
  local secrets=/dev/null kept
  kept=$(functions_of_sets keepsake_ | sed 's/^keepsake_/|/' | tr -d '\n')
  [ ! -f "$PAYLOAD/secrets" ] || secrets=$PAYLOAD/secrets
  awk '
    function takes(end) { text[name] = text[name] $0 "\n"; if ($0 ~ end) name = "" }
    FNR == 1 { name = "" }
    kind == 1 { step = step $0 "\n"; next }
    kind <= 3 && /^[A-Za-z_][A-Za-z_0-9]*=/ {
      value = $0; sub(/=.*/, "", value)
      if (value !~ ("^(SERVER|TOKEN" kept ")$")) text[value] = $0 "\n"
      next
    }
    kind <= 3 { next }
    name != "" { takes("^}"); next }
    /^[a-z_0-9]+\(\) \{/ { name = $0; sub(/\(.*/, "", name); takes("}[ \\t]*$"); next }
    /^[A-Z_0-9]+=/ { value = $0; sub(/=.*/, "", value); text[value] = text[value] $0 "\n" }
    function of_table(value) { if ((value in text) && !(value in seen)) { seen[value] = 1; printf "%s", text[value] } }
    # names TEXT: adds what its words mean, except those of comments.
    function names(from, lines, n, i, words, m, j) {
      n = split(from, lines, "\n")
      for (i = 1; i <= n; i++) {
        if (lines[i] ~ /^[ \t]*#/) continue
        m = split(lines[i], words, /[^A-Za-z_0-9]+/)
        for (j = 1; j <= m; j++)
          if ((words[j] in text) && !(words[j] in seen)) { seen[words[j]] = 1; todo[++last] = words[j] }
          else if (words[j] == "hosts" || words[j] == "ports") reads[words[j]] = 1
      }
    }
    END {
      names(step)
      for (k = 1; k <= last; k++) names(text[todo[k]])
      printf "%s", step
      for (k = 1; k <= last; k++) printf "%s", text[todo[k]]
      if ("hosts" in reads) while ((getline line < hosts) > 0) print line
      if ("ports" in reads) while ((getline line < ports) > 0) {
        print line
        # Its words are those of callers, lists of nodes and variables, in small letters.
        n = (line ~ /^#/) ? 0 : split(toupper(line), words, /[^A-Z_0-9]+/)
        for (i = 1; i <= n; i++) { of_table("FROM_" words[i]); of_table(words[i]) }
      }
    }' kept="$kept" hosts="$PAYLOAD/hosts" ports="$PAYLOAD/ports" kind=1 "$PAYLOAD/steps/$1.sh" kind=2 "$PAYLOAD/env" kind=3 "$secrets" kind=4 "$PAYLOAD"/lib/*.sh
}

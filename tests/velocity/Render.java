import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.app.VelocityEngine;

/**
 * Renders templates with Apache Velocity: those of standard input, each ended by a zero byte. Each answer is ended by a
 * zero byte as well, and starts with = (what was rendered) or ! (why it was not).
 *
 * The arguments are a file of variables and a file of what $context is, both as JSON.
 */
public class Render {
    public static void main(String[] files) throws Exception {
        VelocityEngine engine = new VelocityEngine();
        engine.setProperty("runtime.log.logsystem.class", "org.apache.velocity.runtime.log.NullLogChute");
        // Macros belong to the template that defines them, not to all that are rendered after it.
        engine.setProperty("velocimacro.permissions.allow.inline.local.scope", "true");
        engine.init();
        String templates = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
        StringBuilder answers = new StringBuilder();
        for (String template : templates.split("\0")) {
            // Templates change what they are given: each has its own.
            VelocityContext variables = new VelocityContext((Map<?, ?>) new Json(Files.readString(Path.of(files[0]))).value());
            variables.put("context", new Json(Files.readString(Path.of(files[1]))).value());
            StringWriter out = new StringWriter();
            try {
                engine.evaluate(variables, out, "case", template);
                answers.append('=').append(out);
            } catch (Exception error) {
                answers.append('!').append(error.getMessage());
            }
            answers.append('\0');
        }
        System.out.write(answers.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    /** Reads well-formed JSON; maps keep their order. */
    private static class Json {
        private final String text;
        private int at;

        Json(String text) {
            this.text = text;
        }

        private char next() {
            while (Character.isWhitespace(text.charAt(at))) {
                at++;
            }
            return text.charAt(at);
        }

        Object value() {
            char sign = next();
            if (sign == '{') {
                Map<String, Object> map = new LinkedHashMap<>();
                for (at++; next() != '}'; skip(',')) {
                    String key = string();
                    skip(':');
                    map.put(key, value());
                }
                at++;
                return map;
            }
            if (sign == '[') {
                List<Object> list = new ArrayList<>();
                for (at++; next() != ']'; skip(',')) {
                    list.add(value());
                }
                at++;
                return list;
            }
            if (sign == '"') {
                return string();
            }
            int start = at;
            while (at < text.length() && ",]} \n".indexOf(text.charAt(at)) < 0) {
                at++;
            }
            String word = text.substring(start, at);
            switch (word) {
                case "null":
                    return null;
                case "true":
                case "false":
                    return Boolean.valueOf(word);
                default:
                    return word.contains(".") ? (Object) Double.valueOf(word) : (Object) Integer.valueOf(word);
            }
        }

        private void skip(char sign) {
            if (next() == sign) {
                at++;
            }
        }

        private String string() {
            next();
            StringBuilder string = new StringBuilder();
            for (at++; text.charAt(at) != '"'; at++) {
                if (text.charAt(at) == '\\') {
                    at++;
                }
                string.append(text.charAt(at));
            }
            at++;
            return string.toString();
        }
    }
}

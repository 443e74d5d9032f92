// Writes what jHDF sees in a run file, as JSON: Read RUN.h5
// SPDX-License-Identifier: GPL-3.0-or-later
import io.jhdf.HdfFile;
import io.jhdf.api.Dataset;
import io.jhdf.api.Node;
import java.lang.reflect.Array;
import java.nio.file.Paths;
import java.util.Arrays;

public class Read {
    static final String[] ARRAYS = {"network/hidden1/kernel", "network/output/bias", "training/history/step",
        "training/history/loss", "training/state/order", "projections/r2rt/image", "projections/r2rt/label",
        "generated/r2rt/settled"};
    static final String[][] ATTRIBUTES = {{"/", "format"}, {"/", "format_version"}, {"/", "seed"}, {"/", "scale"},
        {"/", "experiment"}, {"network", "accuracy"}, {"network", "layers"}, {"network", "sha256"}};

    static String quoted(String text)
    {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replace("\t", "\\t") + "\"";
    }

    static String weighed(Dataset array)
    {
        Object flat = array.getDataFlat();
        double sum = 0.0;
        for (int i = 0; i < Array.getLength(flat); i++)
            sum += ((Number) Array.get(flat, i)).doubleValue() * (1 + i % 7);
        return "[" + Arrays.toString(array.getDimensions()) + ", " + sum + "]";
    }

    static String plain(Object value)
    {
        return value instanceof String ? quoted((String) value) : String.valueOf(((Number) value).doubleValue());
    }

    public static void main(String[] arguments)
    {
        StringBuilder out = new StringBuilder("{\"arrays\": {");
        try (HdfFile file = new HdfFile(Paths.get(arguments[0]))) {
            for (String name : ARRAYS)
                out.append(name == ARRAYS[0] ? "" : ", ").append(quoted(name)).append(": ")
                    .append(weighed(file.getDatasetByPath("/" + name)));
            out.append("}, \"attributes\": {");
            for (String[] one : ATTRIBUTES) {
                Node node = one[0].equals("/") ? file : file.getByPath("/" + one[0]);
                out.append(one == ATTRIBUTES[0] ? "" : ", ").append(quoted(one[0] + "@" + one[1])).append(": ")
                    .append(plain(node.getAttribute(one[1]).getData()));
            }
            out.append("}, \"count\": ").append(file.getAttributes().size()).append("}");
        }
        System.out.println(out);
    }
}

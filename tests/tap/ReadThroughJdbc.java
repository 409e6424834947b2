import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * What a tool learns of a database through JDBC, printed for tests/tap/bi.pl: java -cp DRIVER ReadThroughJdbc.java URL SCHEMA QUERY
 * prints a line for each view (table|NAME|TYPE|REMARKS), each column (column|VIEW|NAME|TYPE|SIZE|DIGITS|REMARKS), each column of the
 * query's result (result|NAME|TYPE|SIZE|DIGITS|CLASS) and each of its rows (row|VALUES).
 */
public final class ReadThroughJdbc {
    private ReadThroughJdbc() {
    }

    private static void print(String kind, Object... parts) {
        StringBuilder line = new StringBuilder(kind);
        for (Object part : parts) {
            line.append('|').append(part == null ? "" : part.toString().replace('\n', ' '));
        }
        System.out.println(line);
    }

    private static void printCatalogue(DatabaseMetaData catalogue, String schema) throws SQLException {
        try (ResultSet tables = catalogue.getTables(null, schema, "%", new String[] {"TABLE", "VIEW"})) {
            while (tables.next()) {
                print("table", tables.getString("TABLE_NAME"), tables.getString("TABLE_TYPE"), tables.getString("REMARKS"));
            }
        }
        try (ResultSet columns = catalogue.getColumns(null, schema, "%", "%")) {
            while (columns.next()) {
                print("column", columns.getString("TABLE_NAME"), columns.getString("COLUMN_NAME"), columns.getString("TYPE_NAME"),
                      columns.getInt("COLUMN_SIZE"), columns.getInt("DECIMAL_DIGITS"), columns.getString("REMARKS"));
            }
        }
    }

    private static void printReport(Connection connection, String query) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(query)) {
            ResultSetMetaData shape = rows.getMetaData();
            for (int i = 1; i <= shape.getColumnCount(); i++) {
                print("result", shape.getColumnName(i), shape.getColumnTypeName(i), shape.getPrecision(i), shape.getScale(i),
                      shape.getColumnClassName(i));
            }
            while (rows.next()) {
                Object[] values = new Object[shape.getColumnCount()];
                for (int i = 0; i < values.length; i++) {
                    values[i] = rows.getObject(i + 1);
                }
                print("row", values);
            }
        }
    }

    public static void main(String[] arguments) throws SQLException {
        try (Connection connection = DriverManager.getConnection(arguments[0])) {
            connection.setReadOnly(true);
            printCatalogue(connection.getMetaData(), arguments[1]);
            printReport(connection, arguments[2]);
        }
    }
}
